//! Apache Kafka as a [`Program`]: a broker that is its own controller, its ports, its properties, its readiness.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::admin::KafkaAdmin;
use super::config::KafkaConfig;
use super::java::Java;
use super::listener::{CONTROLLER, INTERNAL, KafkaListener, Listener};
use crate::provision;
use crate::servers::{Cluster, Program, Server, log_tail};

/// An Apache Kafka broker that is its own controller.
pub type KafkaBroker = Server<Kafka>;

/// A cluster of brokers with the ids 1, 2 and so on. Each is also a controller, so more than half of them must run.
///
/// Each broker advertises all brokers to clients.
pub type KafkaCluster = Cluster<Kafka>;

/// Sixteen bytes in base64. All clusters can share it, since they never connect to each other.
const CLUSTER_ID: &str = "ZHJpdmVyLWV2ZW50cy0xMA";
/// Id of a single broker, and of the first one in a cluster.
const FIRST_ID: i32 = 1;
/// A starting broker accepts requests before it can respond.
const START_CHECK_TIMEOUT: Duration = Duration::from_secs(1);
const CLUSTER_CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// The id of a broker and its ports.
#[derive(Debug)]
pub struct Kafka {
    pub(super) id: i32,
    /// Address of the plain listener.
    client: SocketAddr,
    /// Address of the controller.
    controller: SocketAddr,
    listeners: Vec<Listener>,
    pub(super) java: Java,
    java_options: Vec<String>,
}

impl Program for Kafka {
    type Config = KafkaConfig;

    const NAME: &'static str = "kafka";
    const MEMBER_PREFIX: &'static str = "kafka";
    /// A start takes four seconds on an idle machine.
    const TIMEOUT: Duration = Duration::from_secs(90);
    /// Generous: a cluster elects its leaders, and a restarted broker catches up, within seconds.
    const CLUSTER_TIMEOUT: Duration = Duration::from_secs(90);

    fn new(folder: &Path, index: usize, preferred_port: Option<u16>, config: &KafkaConfig) -> Result<Self> {
        let java = Java::new(provision::kafka()?, folder)?;
        let plain = KafkaListener::Plain.reserve(preferred_port)?;
        let controller = Listener::between_brokers(CONTROLLER)?;
        let (client, controller_address) = (plain.address(), controller.address());
        let mut listeners = vec![plain];
        for listener in config.optional_listeners() {
            listeners.push(listener.reserve(None)?);
        }
        listeners.extend([Listener::between_brokers(INTERNAL)?, controller]);
        Ok(Self {
            id: FIRST_ID + i32::try_from(index)?,
            client,
            controller: controller_address,
            listeners,
            java,
            java_options: config.java_options().to_owned(),
        })
    }

    /// Writes the properties and formats the data folder, which takes a second.
    fn prepare(server: &mut KafkaBroker, cluster: Option<&[SocketAddr]>, config: &KafkaConfig) -> Result<()> {
        for (listener, certificates) in config.certificates() {
            // Kafka reads the key and the certificate from one file.
            let pem = [certificates.server_key(), certificates.server()].map(fs::read_to_string);
            let [key, certificate] = pem;
            fs::write(key_store(server, listener), key? + &certificate?)?;
        }
        let own = [server.program.controller];
        let mut file = String::new();
        for (key, value) in properties(server, cluster.unwrap_or(&own), config) {
            file.push_str(&format!("{key}={}\n", value.replace('\\', "\\\\")));
        }
        fs::write(config_file(server), file).context("cannot write the broker's configuration")?;
        let mut format = server
            .program
            .java
            .command("kafka.tools.StorageTool", "64m", "WARN", &[]);
        format.args(["format", "--cluster-id", CLUSTER_ID, "--config"]);
        format.arg(config_file(server)).args(config.scram_arguments());
        let output = format.output().context("cannot run java")?;
        ensure!(
            output.status.success(),
            "cannot format the data folder of {}: {}",
            server.name(),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    fn command(server: &KafkaBroker) -> Command {
        let Self { java, java_options, .. } = &server.program;
        let mut command = java.command("kafka.Kafka", "512m", "INFO", java_options);
        command.arg(config_file(server));
        command
    }

    fn client_address(&self) -> SocketAddr {
        self.client
    }

    fn peer_address(&self) -> SocketAddr {
        self.controller
    }

    fn is_ready(server: &KafkaBroker) -> bool {
        let metadata = KafkaAdmin::new(server.client_address()).metadata(START_CHECK_TIMEOUT);
        metadata.is_ok_and(|metadata| metadata.brokers.contains(&server.program.id))
    }

    /// The broker reports exactly the running brokers, and that their replicas have leaders and are in sync.
    fn check(server: &KafkaBroker, members: &[KafkaBroker]) -> Result<()> {
        let name = server.name();
        let running = members.iter().filter(|member| member.process_id().is_some());
        let running: Vec<_> = running.map(|member| member.program.id).collect();
        let mut metadata = KafkaAdmin::new(server.client_address()).metadata(CLUSTER_CHECK_TIMEOUT)?;
        metadata.brokers.sort_unstable();
        ensure!(
            metadata.brokers == running,
            "{name} reports the brokers {:?}, expected {running:?}",
            metadata.brokers
        );
        for partition in metadata.partitions {
            let mut running_replicas = partition.replicas.iter().filter(|id| running.contains(id));
            if running_replicas.clone().next().is_some() {
                let has_leader = partition.leader.is_some_and(|leader| running.contains(&leader));
                let is_in_sync = running_replicas.all(|id| partition.in_sync.contains(id));
                ensure!(has_leader && is_in_sync, "{name} reports {partition:?}");
            }
        }
        Ok(())
    }

    /// Returns the errors with their causes. A broker that cannot start logs pages about its shutdown below them.
    fn start_errors(log: &str) -> String {
        let mut is_in_error = false;
        let is_error_line = |line: &&str| {
            // An entry starts with its time, and the lines of a stack trace with a tab.
            if line.starts_with(|first: char| first.is_ascii_digit()) {
                is_in_error = line.contains(" ERROR ");
            }
            is_in_error && !line.starts_with('\t')
        };
        let errors: Vec<_> = log.lines().filter(is_error_line).take(10).collect();
        match errors.as_slice() {
            [] => log_tail::last_lines(log),
            _ => errors.join("\n"),
        }
    }

    fn urls(server: &KafkaBroker) -> (String, Option<String>) {
        (server.client_address().to_string(), None)
    }
}

impl Kafka {
    pub(super) fn listener(&self, listener: KafkaListener) -> Result<&Listener> {
        let name = listener.name();
        let found = self.listeners.iter().find(|listener| listener.name == name);
        found.with_context(|| format!("broker {} has no listener {name}", self.id))
    }
}

/// Returns all properties of a broker. `voters` is the address of every controller in the order of their ids.
fn properties(server: &KafkaBroker, voters: &[SocketAddr], config: &KafkaConfig) -> BTreeMap<String, String> {
    let Kafka { id, listeners, .. } = &server.program;
    let voter = |(id, address): (i32, &SocketAddr)| format!("{id}@{address}");
    let quorum: Vec<_> = (FIRST_ID..).zip(voters).map(voter).collect();
    let replicas = voters.len().min(3).to_string();
    // A cluster of three tolerates the loss of one broker.
    let in_sync = voters.len().div_ceil(2).min(2).to_string();
    let own = [
        ("process.roles", "broker,controller".to_owned()),
        ("node.id", id.to_string()),
        ("controller.quorum.voters", quorum.join(",")),
        ("controller.listener.names", CONTROLLER.to_owned()),
        ("inter.broker.listener.name", INTERNAL.to_owned()),
        ("log.dirs", server.folder().join("data").to_string_lossy().into_owned()),
        ("auto.create.topics.enable", "false".to_owned()),
        // Tests send events of past years, which must not be deleted.
        ("log.retention.ms", "-1".to_owned()),
        ("offsets.topic.num.partitions", "4".to_owned()),
        ("offsets.topic.replication.factor", replicas.clone()),
        ("transaction.state.log.replication.factor", replicas.clone()),
        ("transaction.state.log.min.isr", in_sync.clone()),
        ("share.coordinator.state.topic.replication.factor", replicas),
        ("share.coordinator.state.topic.min.isr", in_sync),
        // The first consumer of a group does not wait for others.
        ("group.initial.rebalance.delay.ms", "0".to_owned()),
        // A killed broker can register again only after its session has expired.
        ("broker.session.timeout.ms", "2000".to_owned()),
        ("broker.heartbeat.interval.ms", "500".to_owned()),
    ];
    let mut all: BTreeMap<_, _> = own
        .into_iter()
        .chain(Listener::properties(listeners))
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    all.extend(config.properties(|listener| key_store(server, listener).to_string_lossy().into_owned()));
    all
}

fn key_store(server: &KafkaBroker, listener: KafkaListener) -> PathBuf {
    let name = listener.name().to_lowercase();
    server.folder().join(format!("{name}.pem"))
}

fn config_file(server: &KafkaBroker) -> PathBuf {
    server.folder().join("server.properties")
}

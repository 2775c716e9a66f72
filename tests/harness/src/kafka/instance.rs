//! Process, id, ports and generated configuration of a broker.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::java::Java;
use super::listener::{CONTROLLER, INTERNAL, Listener};
use super::{KafkaConfig, KafkaListener};
use crate::provision;
use crate::server_process::{Lifetime, ServerProcess};

/// Sixteen bytes in base64. All clusters can share it, since they never connect to each other.
const CLUSTER_ID: &str = "ZHJpdmVyLWV2ZW50cy0xMA";

#[derive(Debug)]
pub(super) struct Instance {
    pub(super) id: i32,
    pub(super) process: ServerProcess,
    /// Address of the plain listener.
    pub(super) client: SocketAddr,
    listeners: Vec<Listener>,
    pub(super) java: Java,
    java_options: Vec<String>,
}

/// Id and address of a controller, for `controller.quorum.voters`.
pub(super) type Voter = (i32, SocketAddr);

impl Instance {
    /// Creates the folder and reserves the ports. Writes no configuration.
    pub(super) fn new(name: &str, id: i32, lifetime: Lifetime, config: &KafkaConfig) -> Result<Self> {
        let kafka = provision::kafka()?;
        let process = ServerProcess::new(name, lifetime)?;
        let plain = KafkaListener::Plain.reserve(lifetime.preferred_port())?;
        let client = plain.address();
        let mut listeners = vec![plain];
        for listener in config.optional_listeners() {
            listeners.push(listener.reserve(None)?);
        }
        for name in [INTERNAL, CONTROLLER] {
            listeners.push(Listener::between_brokers(name)?);
        }
        Ok(Self {
            java: Java::new(kafka, process.folder())?,
            id,
            client,
            process,
            listeners,
            java_options: config.java_options().to_owned(),
        })
    }

    pub(super) fn voter(&self) -> Result<Voter> {
        Ok((self.id, self.listener(CONTROLLER)?.address()))
    }

    pub(super) fn listener(&self, name: &str) -> Result<&Listener> {
        let listener = self.listeners.iter().find(|listener| listener.name == name);
        listener.with_context(|| format!("{} has no listener {name}", self.process.name()))
    }

    /// Writes the configuration and formats the data folder, which takes a second.
    pub(super) fn prepare(&self, voters: &[Voter], config: &KafkaConfig) -> Result<()> {
        for (listener, certificates) in config.certificates() {
            // Kafka reads the key and the certificate from one file.
            let pem = [certificates.server_key(), certificates.server()].map(fs::read_to_string);
            let [key, certificate] = pem;
            fs::write(self.key_store(listener), key? + &certificate?)?;
        }
        let mut file = String::new();
        for (key, value) in self.properties(voters, config)? {
            file.push_str(&format!("{key}={}\n", value.replace('\\', "\\\\")));
        }
        fs::write(self.config_file(), file).context("cannot write the broker's configuration")?;
        let mut format = self.java.command("kafka.tools.StorageTool", "64m", "WARN", &[]);
        format.args(["format", "--cluster-id", CLUSTER_ID, "--config"]);
        format.arg(self.config_file()).args(config.scram_arguments());
        let output = format.output().context("cannot run java")?;
        ensure!(
            output.status.success(),
            "cannot format the data folder of {}: {}",
            self.process.name(),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Spawns the process, and returns the length of the log before the start.
    pub(super) fn launch(&mut self) -> Result<usize> {
        let mut command = self.java.command("kafka.Kafka", "512m", "INFO", &self.java_options);
        command.arg(self.config_file());
        self.process.launch(command)
    }

    fn properties(&self, voters: &[Voter], config: &KafkaConfig) -> Result<BTreeMap<String, String>> {
        let quorum: Vec<_> = voters.iter().map(|(id, address)| format!("{id}@{address}")).collect();
        let replicas = voters.len().min(3).to_string();
        // A cluster of three tolerates the loss of one broker.
        let in_sync = voters.len().div_ceil(2).min(2).to_string();
        let own = [
            ("process.roles", "broker,controller".to_owned()),
            ("node.id", self.id.to_string()),
            ("controller.quorum.voters", quorum.join(",")),
            ("controller.listener.names", CONTROLLER.to_owned()),
            ("inter.broker.listener.name", INTERNAL.to_owned()),
            (
                "log.dirs",
                self.process.folder().join("data").to_string_lossy().into_owned(),
            ),
            ("auto.create.topics.enable", "false".to_owned()),
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
            .chain(Listener::properties(&self.listeners))
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        all.extend(config.properties(|listener| self.key_store(listener).to_string_lossy().into_owned()));
        Ok(all)
    }

    fn key_store(&self, listener: KafkaListener) -> PathBuf {
        self.process
            .folder()
            .join(format!("{}.pem", listener.name().to_lowercase()))
    }

    fn config_file(&self) -> PathBuf {
        self.process.folder().join("server.properties")
    }
}

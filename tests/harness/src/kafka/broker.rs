use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::instance::{Instance, Voter};
use super::{KafkaAdmin, KafkaConfig, KafkaListener, KafkaRecord, console};
use crate::ports::retry_on_port_conflict;
use crate::proxy::Proxy;
use crate::run_folder::DetachedRecord;
use crate::server_process::Lifetime;
use crate::{log_tail, wait};

/// Limit for a start and a stop. A start takes four seconds on an idle machine.
const TIMEOUT: Duration = Duration::from_secs(90);
/// A starting broker accepts requests before it can respond.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);
/// Id of a single broker, and of the first one in a cluster.
const FIRST_ID: i32 = 1;

/// An Apache Kafka broker that is its own controller, with free ports on 127.0.0.1 and its own folder. Its process is
/// killed on drop.
///
/// Calls block their thread; a start takes about five seconds. On a current-thread runtime, call them from another thread
/// if tasks must run meanwhile.
#[derive(Debug)]
pub struct KafkaBroker {
    instance: Instance,
}

impl KafkaBroker {
    /// Starts a broker, and returns when it serves clients.
    ///
    /// # Errors
    /// Returns an error if there is no Java, if Kafka is not installed and cannot be installed, or, with the errors in
    /// its log, if the broker does not start.
    pub fn start(config: KafkaConfig) -> Result<Self> {
        Self::start_single(&config, Lifetime::Owned)
    }

    /// Starts a broker that outlives this process. Its plain listener has the preferred port if it is free.
    pub(crate) fn start_detached(config: &KafkaConfig, preferred_port: u16) -> Result<Self> {
        let preferred_port = Some(preferred_port);
        Self::start_single(config, Lifetime::Detached { preferred_port })
    }

    /// Returns the address of a listener, such as `127.0.0.1:12345`.
    ///
    /// # Errors
    /// Returns an error if the broker was started without this listener.
    pub fn bootstrap_servers(&self, listener: KafkaListener) -> Result<String> {
        Ok(self.instance.listener(listener.name())?.address().to_string())
    }

    /// Returns the address of [`KafkaListener::Plain`].
    #[must_use]
    pub fn client_address(&self) -> SocketAddr {
        self.instance.client
    }

    /// Returns the proxy of [`KafkaListener::Proxied`].
    ///
    /// # Errors
    /// Returns an error if the broker was started without [`KafkaConfig::proxied`].
    pub fn proxy(&self) -> Result<&Proxy> {
        let listener = self.instance.listener(KafkaListener::Proxied.name())?;
        listener.proxy().context("the listener has no proxy")
    }

    /// Returns an admin client, for topics, partitions and ACLs.
    #[must_use]
    pub fn admin(&self) -> KafkaAdmin {
        KafkaAdmin::new(self.client_address())
    }

    /// Changes a user's password for `SCRAM-SHA-256` or `SCRAM-SHA-512` with Kafka's own tool, which takes three seconds.
    /// Connected clients stay connected until they must reauthenticate, see `connections.max.reauth.ms`.
    ///
    /// # Errors
    /// Returns an error if the tool fails.
    pub fn change_password(&self, mechanism: &str, user: &str, password: &str) -> Result<()> {
        let added = format!("{mechanism}=[password={password}]");
        let arguments = [
            "--alter",
            "--entity-type",
            "users",
            "--entity-name",
            user,
            "--add-config",
            &added,
        ];
        self.run("kafka.admin.ConfigCommand", &arguments)
            .with_context(|| format!("cannot change the password of `{user}`"))
    }

    /// Runs Kafka's `kafka-acls` with these arguments and `--bootstrap-server`, which takes two seconds. The ACLs are in
    /// effect when the call returns.
    ///
    /// # Errors
    /// Returns an error if the tool fails.
    pub fn run_acl_command(&self, arguments: &[&str]) -> Result<()> {
        self.run("org.apache.kafka.tools.AclCommand", arguments)
            .and_then(|()| self.admin().wait_for_acls())
            .context("cannot change the ACLs")
    }

    /// Reads the first `count` records of a topic with Kafka's console consumer, which takes two seconds. Returns them
    /// sorted by partition and offset. The consumer has a random group.
    ///
    /// # Errors
    /// Returns an error if the next record does not arrive within a minute, or a record is not valid UTF-8.
    pub fn read_with_console(&self, topic: &str, count: usize) -> Result<Vec<KafkaRecord>> {
        console::read(&self.instance.java, self.client_address(), topic, count)
    }

    /// Writes records, each a key and a value, with Kafka's console producer, which takes two seconds. They must not
    /// contain control characters.
    ///
    /// # Errors
    /// Returns an error if the producer fails.
    pub fn write_with_console(&self, topic: &str, records: &[(&str, &str)]) -> Result<()> {
        console::write(&self.instance.java, self.client_address(), topic, records)
    }

    /// Returns the broker's id: 1, or 1, 2 and so on in a cluster.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.instance.id
    }

    /// Returns the broker's name: `kafka`, or `kafka-1` and so on in a cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        self.instance.process.name()
    }

    /// Returns the folder with the configuration, the log and the data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.instance.process.folder()
    }

    /// Returns the broker's log since its first start.
    #[must_use]
    pub fn log(&self) -> String {
        self.instance.process.log()
    }

    /// Returns the process id, or `None` after [`kill`](Self::kill) and [`stop`](Self::stop).
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.instance.process.id()
    }

    /// Kills the broker with SIGKILL. Does nothing if it does not run.
    ///
    /// # Errors
    /// Returns an error if the operating system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.instance.process.kill()
    }

    /// Sends SIGTERM, and waits for the exit. Does nothing if the broker does not run.
    ///
    /// # Errors
    /// Returns an error if the broker does not exit in time. It is then killed.
    pub fn stop(&mut self) -> Result<()> {
        self.instance.process.stop(TIMEOUT)
    }

    /// Stops the broker with SIGSTOP: its connections stay open, and it does not respond.
    ///
    /// # Errors
    /// Returns an error if the broker does not run.
    pub fn freeze(&self) -> Result<()> {
        self.instance.process.freeze()
    }

    /// Continues the [frozen](Self::freeze) broker with SIGCONT.
    ///
    /// # Errors
    /// Returns an error if the broker does not run.
    pub fn thaw(&self) -> Result<()> {
        self.instance.process.thaw()
    }

    /// Restarts the broker with the same ports and data, and returns when it serves clients. Stops it first if it runs.
    ///
    /// In a cluster, more than half of the brokers must run, this one included. Its replicas may not be in sync yet: see
    /// [`KafkaCluster::wait_until_ready`](super::KafkaCluster::wait_until_ready).
    ///
    /// # Errors
    /// Returns the errors of [`start`](Self::start).
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        let log_start = self.launch()?;
        self.wait_until_ready(log_start)
    }

    /// Keeps the broker running after this value is dropped.
    pub(crate) fn detach(mut self) -> Result<()> {
        let record = DetachedRecord {
            url: self.client_address().to_string(),
            monitoring_url: None,
        };
        self.instance.process.detach(&record)
    }

    pub(super) fn new(index: usize, name: &str, lifetime: Lifetime, config: &KafkaConfig) -> Result<Self> {
        let id = FIRST_ID + i32::try_from(index)?;
        Ok(Self {
            instance: Instance::new(name, id, lifetime, config)?,
        })
    }

    pub(super) fn voter(&self) -> Result<Voter> {
        self.instance.voter()
    }

    pub(super) fn prepare(&self, voters: &[Voter], config: &KafkaConfig) -> Result<()> {
        self.instance.prepare(voters, config)
    }

    /// Spawns the process, and returns the length of the log before the start.
    pub(super) fn launch(&mut self) -> Result<usize> {
        self.instance.launch()
    }

    /// Waits until the broker serves clients. `log_start` is the result of [`launch`](Self::launch).
    pub(super) fn wait_until_ready(&mut self, log_start: usize) -> Result<()> {
        let (admin, id) = (self.admin(), self.id());
        let mut is_ready = false;
        wait::poll_until(TIMEOUT, || {
            is_ready = admin
                .metadata(METADATA_TIMEOUT)
                .is_ok_and(|metadata| metadata.brokers.contains(&id));
            is_ready || self.instance.process.has_exited()
        });
        if !is_ready {
            self.kill()?;
            let log = self.log().split_off(log_start);
            bail!("{} did not start: {}", self.name(), log_errors(&log));
        }
        Ok(())
    }

    fn run(&self, class: &str, arguments: &[&str]) -> Result<()> {
        let mut command = self.instance.java.command(class, "64m", "WARN", &[]);
        command
            .args(["--bootstrap-server", &self.client_address().to_string()])
            .args(arguments);
        let output = command.output().context("cannot run java")?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{class} failed: {stderr}");
        Ok(())
    }

    fn start_single(config: &KafkaConfig, lifetime: Lifetime) -> Result<Self> {
        retry_on_port_conflict(|| {
            let mut broker = Self::new(0, "kafka", lifetime, config)?;
            broker.prepare(&[broker.voter()?], config)?;
            let log_start = broker.launch()?;
            broker.wait_until_ready(log_start)?;
            Ok(broker)
        })
    }
}

/// Returns the errors in a log with their causes. A broker that cannot start logs pages about its shutdown below them.
fn log_errors(log: &str) -> String {
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

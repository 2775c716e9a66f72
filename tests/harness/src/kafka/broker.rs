use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::instance::{Instance, Voter};
use super::{KafkaAdmin, KafkaConfig, KafkaListener, KafkaRecord, console};
use crate::ports::retry_when_one_was_taken;
use crate::proxy::Proxy;
use crate::run_folder::Record;
use crate::{log_tail, wait};

/// A broker has started or ended after this time, or never will. It needs four seconds where it has the processor to
/// itself.
const PATIENCE: Duration = Duration::from_secs(90);
/// A broker that starts takes requests early and answers them late.
const ANSWER: Duration = Duration::from_secs(1);
/// The only broker's id, and the first one's of a cluster.
const FIRST: i32 = 1;

/// An Apache Kafka broker of its own, which is its own controller: free ports on 127.0.0.1, an own folder, a process that
/// ends with this value.
///
/// Calls block their thread until what they ask for is done; a start takes about five seconds. Where tasks on the same
/// thread must go on meanwhile, call from another thread.
#[derive(Debug)]
pub struct KafkaBroker {
    instance: Instance,
}

impl KafkaBroker {
    /// Starts a broker, and returns when it serves clients.
    ///
    /// # Errors
    /// When there is no Kafka and none can be had, when there is no Java, and when the broker does not start. The error
    /// carries what its log complains of.
    pub fn start(config: KafkaConfig) -> Result<Self> {
        Self::start_alone(&config, false)
    }

    /// The same for a broker that outlives this process.
    pub(crate) fn start_to_stay(config: &KafkaConfig) -> Result<Self> {
        Self::start_alone(config, true)
    }

    /// Where clients connect, such as `127.0.0.1:12345`.
    ///
    /// # Errors
    /// When the broker was started without this listener.
    pub fn bootstrap_servers(&self, listener: KafkaListener) -> Result<String> {
        Ok(self.instance.listener(listener.name())?.address().to_string())
    }

    /// The address of [`KafkaListener::Plain`].
    #[must_use]
    pub fn client_address(&self) -> SocketAddr {
        self.instance.client
    }

    /// The proxy before [`KafkaListener::Proxied`].
    ///
    /// # Errors
    /// When the broker was started without it, see [`KafkaConfig::proxied`].
    pub fn proxy(&self) -> Result<&Proxy> {
        let listener = self.instance.listener(KafkaListener::Proxied.name())?;
        listener.proxy().context("the listener has no proxy")
    }

    /// Looks into the broker and arranges things there: topics, leaders, access rules.
    #[must_use]
    pub fn admin(&self) -> KafkaAdmin {
        KafkaAdmin::new(self.client_address())
    }

    /// Gives a user a new password for `SCRAM-SHA-256` or `SCRAM-SHA-512`, which takes three seconds: Kafka's own tool does
    /// it. Who is connected stays so until the listener asks again, see `connections.max.reauth.ms`.
    ///
    /// # Errors
    /// When the tool fails.
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
            .with_context(|| format!("the password of {user} was not changed"))
    }

    /// Runs Kafka's own `kafka-acls` with these arguments, but for `--bootstrap-server`, which takes two seconds. The
    /// broker keeps to the rules when the call returns.
    ///
    /// # Errors
    /// When the tool fails.
    pub fn run_acl_command(&self, arguments: &[&str]) -> Result<()> {
        self.run("org.apache.kafka.tools.AclCommand", arguments)
            .and_then(|()| self.admin().await_rules())
            .context("the access rules were not changed")
    }

    /// The first `count` records of a topic, by partition and offset, as Kafka's own console consumer reads them. That
    /// takes two seconds. It reads as one with no name, and commits nothing that a test would see.
    ///
    /// # Errors
    /// When there are fewer records, and no more come for twenty seconds; when a record is not text.
    pub fn read_with_console(&self, topic: &str, count: usize) -> Result<Vec<KafkaRecord>> {
        console::read(&self.instance.java, self.client_address(), topic, count)
    }

    /// Has Kafka's own console producer write records, each a key and a value, which takes two seconds. They may contain
    /// no control characters.
    ///
    /// # Errors
    /// When the producer fails.
    pub fn write_with_console(&self, topic: &str, records: &[(&str, &str)]) -> Result<()> {
        console::write(&self.instance.java, self.client_address(), topic, records)
    }

    /// The broker's id: 1, and 2 and so on in a cluster.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.instance.id
    }

    /// The broker's name: `kafka`, or `kafka-1` and so on in a cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        self.instance.process.name()
    }

    /// The broker's folder: its configuration, its log, and its data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.instance.process.folder()
    }

    /// What the broker has written to its log so far, in all of its lives.
    #[must_use]
    pub fn log(&self) -> String {
        self.instance.process.log()
    }

    /// The id of the broker's process; none after [`kill`](Self::kill) and [`stop`](Self::stop).
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.instance.process.id()
    }

    /// Kills the broker as `kill -9` does. Nothing happens to one that does not run.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.instance.process.kill()
    }

    /// Asks the broker to end, and waits until it has. Nothing happens to one that does not run.
    ///
    /// # Errors
    /// When it does not end; it is killed then.
    pub fn stop(&mut self) -> Result<()> {
        self.instance.process.stop(PATIENCE)
    }

    /// Stops the broker in its tracks, as `kill -STOP` does: its connections stay open, and nobody answers.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self) -> Result<()> {
        self.instance.process.freeze()
    }

    /// Lets the broker go on where it was [frozen](Self::freeze).
    ///
    /// # Errors
    /// When it does not run.
    pub fn thaw(&self) -> Result<()> {
        self.instance.process.thaw()
    }

    /// Starts the broker again, on the same ports and with the same data, and returns when it serves clients. A broker
    /// that runs is stopped first.
    ///
    /// A member of a cluster needs more than half of all members to run, itself among them. It may not have caught up
    /// with them yet: see [`KafkaCluster::wait_until_ready`](super::KafkaCluster::wait_until_ready).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        let before = self.launch()?;
        self.wait_until_it_serves(before)
    }

    /// Leaves the running broker behind.
    pub(crate) fn leave(mut self) -> Result<()> {
        let record = Record {
            url: self.client_address().to_string(),
            monitoring_url: None,
        };
        self.instance.process.leave(&record)
    }

    pub(super) fn new(index: usize, name: &str, stays: bool, config: &KafkaConfig) -> Result<Self> {
        let id = FIRST + i32::try_from(index)?;
        Ok(Self {
            instance: Instance::new(name, id, stays, config)?,
        })
    }

    pub(super) fn voter(&self) -> Result<Voter> {
        self.instance.voter()
    }

    pub(super) fn prepare(&self, voters: &[Voter], config: &KafkaConfig) -> Result<()> {
        self.instance.prepare(voters, config)
    }

    /// Returns at once, with the length of the log before.
    pub(super) fn launch(&mut self) -> Result<usize> {
        self.instance.launch()
    }

    /// `before` is what [`launch`](Self::launch) said.
    pub(super) fn wait_until_it_serves(&mut self, before: usize) -> Result<()> {
        let (admin, id) = (self.admin(), self.id());
        let mut serves = false;
        wait::became_true(PATIENCE, || {
            serves = admin.metadata(ANSWER).is_ok_and(|seen| seen.brokers.contains(&id));
            serves || self.instance.process.has_ended()
        });
        if !serves {
            self.kill()?;
            let log = self.log().split_off(before);
            bail!("{} did not start: {}", self.name(), complaints(&log));
        }
        Ok(())
    }

    fn run(&self, class: &str, arguments: &[&str]) -> Result<()> {
        let mut command = self.instance.java.command(class, "64m", "WARN", &[]);
        command
            .args(["--bootstrap-server", &self.client_address().to_string()])
            .args(arguments);
        let output = command.output().context("java cannot be run")?;
        let complaints = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{class} failed: {complaints}");
        Ok(())
    }

    fn start_alone(config: &KafkaConfig, stays: bool) -> Result<Self> {
        retry_when_one_was_taken(|| {
            let mut broker = Self::new(0, "kafka", stays, config)?;
            broker.prepare(&[broker.voter()?], config)?;
            let before = broker.launch()?;
            broker.wait_until_it_serves(before)?;
            Ok(broker)
        })
    }
}

/// The errors in a log, with their causes: a broker that cannot start writes pages about its end below them.
fn complaints(log: &str) -> String {
    let mut is_of_an_error = false;
    let is_complaint = |line: &&str| {
        // A new entry begins with its time, and the trace of an error with a blank.
        if line.starts_with(|first: char| first.is_ascii_digit()) {
            is_of_an_error = line.contains(" ERROR ");
        }
        is_of_an_error && !line.starts_with('\t')
    };
    let complaints: Vec<_> = log.lines().filter(is_complaint).take(10).collect();
    match complaints.as_slice() {
        [] => log_tail::of(log),
        _ => complaints.join("\n"),
    }
}

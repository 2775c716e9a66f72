use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use super::{KafkaAdmin, KafkaBroker, KafkaConfig, KafkaListener};
use crate::ports::retry_on_port_conflict;
use crate::server_process::Lifetime;
use crate::wait;

/// Generous: a cluster elects its leaders, and a restarted broker catches up, within seconds.
const READY_TIMEOUT: Duration = Duration::from_secs(90);
const METADATA_TIMEOUT: Duration = Duration::from_secs(2);

/// A cluster of brokers with the ids 1, 2 and so on. Each is also a controller, so more than half of them must run.
///
/// Each broker advertises all brokers to clients.
#[derive(Debug)]
pub struct KafkaCluster {
    brokers: Vec<KafkaBroker>,
}

impl KafkaCluster {
    /// Starts `size` brokers, and returns when all are registered with each other.
    ///
    /// # Errors
    /// Returns the errors of [`KafkaBroker::start`] and [`wait_until_ready`](Self::wait_until_ready).
    pub fn start(size: usize, config: KafkaConfig) -> Result<Self> {
        Self::launch(size, &config, Lifetime::Owned)
    }

    /// Starts brokers that outlive this process. The plain listener of the first one has the preferred port if it is free.
    pub(crate) fn start_detached(size: usize, config: &KafkaConfig, preferred_port: u16) -> Result<Self> {
        let preferred_port = Some(preferred_port);
        Self::launch(size, config, Lifetime::Detached { preferred_port })
    }

    /// Returns the brokers, sorted by id.
    #[must_use]
    pub fn brokers(&self) -> &[KafkaBroker] {
        &self.brokers
    }

    /// Returns the broker of this id, such as the leader of a partition.
    ///
    /// # Errors
    /// Returns an error if there is none.
    pub fn broker(&mut self, id: i32) -> Result<&mut KafkaBroker> {
        let broker = self.brokers.iter_mut().find(|broker| broker.id() == id);
        broker.with_context(|| format!("the cluster has no broker {id}"))
    }

    /// Returns the brokers' addresses, separated by commas.
    ///
    /// # Errors
    /// Returns an error if the brokers were started without this listener.
    pub fn bootstrap_servers(&self, listener: KafkaListener) -> Result<String> {
        let servers = self.brokers.iter().map(|broker| broker.bootstrap_servers(listener));
        Ok(servers.collect::<Result<Vec<_>>>()?.join(","))
    }

    /// Returns an admin client of the first running broker.
    ///
    /// # Errors
    /// Returns an error if no broker runs.
    pub fn admin(&self) -> Result<KafkaAdmin> {
        let broker = self.running().next().context("no broker of the cluster is running")?;
        Ok(broker.admin())
    }

    /// Starts all brokers that do not run, and returns when the cluster is ready.
    ///
    /// # Errors
    /// Returns the errors of [`start`](Self::start).
    pub fn restart(&mut self) -> Result<()> {
        self.launch_stopped()?;
        self.wait_until_ready()
    }

    /// Waits until exactly the running brokers are registered with each other, every partition with a replica on them has
    /// a leader, and these replicas are in sync.
    ///
    /// # Errors
    /// Returns an error with the last failed check after a minute and a half.
    pub fn wait_until_ready(&self) -> Result<()> {
        let mut last_error = String::new();
        let ready = wait::poll_until(READY_TIMEOUT, || {
            let health = self.running().try_for_each(|broker| self.check(broker));
            last_error = health
                .as_ref()
                .err()
                .map(|error| format!("{error:#}"))
                .unwrap_or_default();
            health.is_ok()
        });
        ensure!(ready, "the cluster is not ready after {READY_TIMEOUT:?}: {last_error}");
        Ok(())
    }

    pub(crate) fn into_brokers(self) -> Vec<KafkaBroker> {
        self.brokers
    }

    fn launch(size: usize, config: &KafkaConfig, lifetime: Lifetime) -> Result<Self> {
        let cluster = retry_on_port_conflict(|| {
            let brokers = (0..size)
                .map(|index| {
                    let name = format!("kafka-{}", index + 1);
                    KafkaBroker::new(index, &name, lifetime.of_member(index), config)
                })
                .collect::<Result<Vec<_>>>()?;
            let voters = brokers.iter().map(KafkaBroker::voter).collect::<Result<Vec<_>>>()?;
            thread::scope(|scope| {
                let prepare = |broker: &KafkaBroker| broker.prepare(&voters, config);
                let threads: Vec<_> = brokers
                    .iter()
                    .map(|broker| scope.spawn(move || prepare(broker)))
                    .collect();
                threads
                    .into_iter()
                    .try_for_each(|thread| thread.join().map_err(|_| anyhow!("preparing a broker panicked"))?)
            })?;
            let mut cluster = Self { brokers };
            cluster.launch_stopped()?;
            Ok(cluster)
        })?;
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// Launches all brokers before it waits for the first: a broker starts only with a quorum.
    fn launch_stopped(&mut self) -> Result<()> {
        let mut launched = Vec::new();
        for broker in self.brokers.iter_mut().filter(|broker| broker.process_id().is_none()) {
            let log_start = broker.launch()?;
            launched.push((broker, log_start));
        }
        launched
            .into_iter()
            .try_for_each(|(broker, log_start)| broker.wait_until_ready(log_start))
    }

    fn running(&self) -> impl Iterator<Item = &KafkaBroker> {
        self.brokers.iter().filter(|broker| broker.process_id().is_some())
    }

    fn check(&self, broker: &KafkaBroker) -> Result<()> {
        let name = broker.name();
        let running: Vec<_> = self.running().map(KafkaBroker::id).collect();
        let mut metadata = broker.admin().metadata(METADATA_TIMEOUT)?;
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
}

/// Creates a cluster of one broker.
impl From<KafkaBroker> for KafkaCluster {
    fn from(broker: KafkaBroker) -> Self {
        let brokers = vec![broker];
        Self { brokers }
    }
}

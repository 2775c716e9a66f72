use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use super::{KafkaAdmin, KafkaBroker, KafkaConfig, KafkaListener};
use crate::ports::retry_when_one_was_taken;
use crate::wait;

/// A cluster elects its leaders within seconds, and a broker that was away catches up.
const PATIENCE: Duration = Duration::from_secs(90);
const ANSWER: Duration = Duration::from_secs(2);

/// Brokers with the ids 1, 2 and so on. Each is a controller too, so that more than half of them must run.
///
/// Clients learn of all members from each of them.
#[derive(Debug)]
pub struct KafkaCluster {
    brokers: Vec<KafkaBroker>,
}

impl KafkaCluster {
    /// Starts `size` brokers, and returns when all know each other.
    ///
    /// # Errors
    /// As [`KafkaBroker::start`], and when the brokers do not come together.
    pub fn start(size: usize, config: KafkaConfig) -> Result<Self> {
        Self::launch(size, &config, false)
    }

    /// The same for brokers that outlive this process.
    pub(crate) fn start_to_stay(size: usize, config: &KafkaConfig) -> Result<Self> {
        Self::launch(size, config, true)
    }

    /// The members, in the order of their ids.
    #[must_use]
    pub fn brokers(&self) -> &[KafkaBroker] {
        &self.brokers
    }

    /// The member of this id, such as the one that leads a partition.
    ///
    /// # Errors
    /// When there is none.
    pub fn broker(&mut self, id: i32) -> Result<&mut KafkaBroker> {
        let broker = self.brokers.iter_mut().find(|broker| broker.id() == id);
        broker.with_context(|| format!("the cluster has no broker {id}"))
    }

    /// Where clients connect: the members' addresses, with commas between them.
    ///
    /// # Errors
    /// When the brokers were started without this listener.
    pub fn bootstrap_servers(&self, listener: KafkaListener) -> Result<String> {
        let servers = self.brokers.iter().map(|broker| broker.bootstrap_servers(listener));
        Ok(servers.collect::<Result<Vec<_>>>()?.join(","))
    }

    /// Looks into the cluster and arranges things there, at the first member that was not stopped.
    ///
    /// # Errors
    /// When all were stopped.
    pub fn admin(&self) -> Result<KafkaAdmin> {
        let broker = self.running().next().context("no broker of the cluster runs")?;
        Ok(broker.admin())
    }

    /// Starts the members again that do not run, all at once, and returns when the cluster is whole.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn restart(&mut self) -> Result<()> {
        self.run()?;
        self.wait_until_ready()
    }

    /// Waits until the members that were not stopped know each other and no other, and every partition that they hold
    /// has a leader and is held in full by each of them that is to hold it.
    ///
    /// # Errors
    /// When that does not come about in a minute and a half. The error says what is missing.
    pub fn wait_until_ready(&self) -> Result<()> {
        let mut complaint = String::new();
        let ready = wait::became_true(PATIENCE, || {
            let health = self.running().try_for_each(|broker| self.check(broker));
            complaint = health
                .as_ref()
                .err()
                .map(|error| format!("{error:#}"))
                .unwrap_or_default();
            health.is_ok()
        });
        ensure!(ready, "the cluster is not ready after {PATIENCE:?}: {complaint}");
        Ok(())
    }

    pub(crate) fn into_brokers(self) -> Vec<KafkaBroker> {
        self.brokers
    }

    fn launch(size: usize, config: &KafkaConfig, stays: bool) -> Result<Self> {
        let cluster = retry_when_one_was_taken(|| {
            let brokers = (0..size)
                .map(|index| KafkaBroker::new(index, &format!("kafka-{}", index + 1), stays, config))
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
                    .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a broker was not prepared"))?)
            })?;
            let mut cluster = Self { brokers };
            cluster.run()?;
            Ok(cluster)
        })?;
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// Alone, a member cannot start: all are launched before one is waited for.
    fn run(&mut self) -> Result<()> {
        let mut launched = Vec::new();
        for broker in self.brokers.iter_mut().filter(|broker| broker.process_id().is_none()) {
            let before = broker.launch()?;
            launched.push((broker, before));
        }
        launched
            .into_iter()
            .try_for_each(|(broker, before)| broker.wait_until_it_serves(before))
    }

    fn running(&self) -> impl Iterator<Item = &KafkaBroker> {
        self.brokers.iter().filter(|broker| broker.process_id().is_some())
    }

    fn check(&self, broker: &KafkaBroker) -> Result<()> {
        let name = broker.name();
        let running: Vec<_> = self.running().map(KafkaBroker::id).collect();
        let mut seen = broker.admin().metadata(ANSWER)?;
        seen.brokers.sort_unstable();
        ensure!(
            seen.brokers == running,
            "{name} knows the brokers {:?}, not {running:?}",
            seen.brokers
        );
        for found in seen.partitions {
            let mut holders = found.replicas.iter().filter(|id| running.contains(id));
            if holders.clone().next().is_some() {
                let is_led = found.leader.is_some_and(|leader| running.contains(&leader));
                let is_whole = holders.all(|id| found.in_sync.contains(id));
                ensure!(is_led && is_whole, "{name} knows of {found:?}");
            }
        }
        Ok(())
    }
}

/// A broker alone is a cluster of one.
impl From<KafkaBroker> for KafkaCluster {
    fn from(broker: KafkaBroker) -> Self {
        let brokers = vec![broker];
        Self { brokers }
    }
}

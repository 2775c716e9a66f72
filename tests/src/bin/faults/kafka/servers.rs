use anyhow::{Context, Result};
use driver_events_harness::{Certificates, KafkaBroker, KafkaCluster, KafkaConfig, KafkaListener};
use rdkafka::ClientConfig;
use tokio::task::block_in_place;

use crate::fault_timer::cut_link;

/// User of the broker with only the permissions that a scenario grants.
pub(crate) const USER: &str = "driver";
const PASSWORD: &str = "secret";

/// Brokers of a run. A scenario takes a broker and returns it on success; a failed scenario drops it, and the next one
/// starts a new broker.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    broker: Option<Broker>,
    cluster: Option<KafkaCluster>,
    topics: u32,
}

/// A broker with a proxy and a user.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) kafka: KafkaBroker,
    certificates: Certificates,
}

impl Servers {
    pub(crate) fn take_broker(&mut self) -> Result<Broker> {
        let broker = match self.broker.take() {
            Some(broker) => broker,
            None => block_in_place(Broker::start)?,
        };
        broker.kafka.proxy()?.heal();
        Ok(broker)
    }

    pub(crate) fn put_back_broker(&mut self, broker: Broker) {
        self.broker = Some(broker);
    }

    pub(super) fn take_cluster(&mut self) -> Result<KafkaCluster> {
        match self.cluster.take() {
            Some(cluster) => Ok(cluster),
            None => block_in_place(|| KafkaCluster::start(3, KafkaConfig::new())),
        }
    }

    pub(super) fn put_back_cluster(&mut self, cluster: KafkaCluster) {
        self.cluster = Some(cluster);
    }

    /// A new topic name.
    pub(crate) fn topic(&mut self) -> String {
        self.topics += 1;
        format!("faults-{}.agent.driver", self.topics)
    }
}

impl Broker {
    fn start() -> Result<Self> {
        let certificates = Certificates::generate()?;
        let config = KafkaConfig::new()
            .proxied()
            .sasl(&certificates)
            .user(USER, PASSWORD)
            .acls()
            // Lets a dropped reader time out quickly.
            .property("group.min.session.timeout.ms", "1000");
        let kafka = KafkaBroker::start(config)?;
        Ok(Self { kafka, certificates })
    }

    /// Configuration that bypasses the proxy: only the broker can fail.
    pub(crate) fn direct(&self) -> Result<ClientConfig> {
        Ok(config(&self.kafka.bootstrap_servers(KafkaListener::Plain)?))
    }

    pub(super) fn proxied(&self) -> Result<ClientConfig> {
        Ok(config(&self.kafka.bootstrap_servers(KafkaListener::Proxied)?))
    }

    pub(crate) fn as_user(&self) -> Result<ClientConfig> {
        let mut config = config(&self.kafka.bootstrap_servers(KafkaListener::Sasl)?);
        let authority = self.certificates.authority();
        config
            .set("security.protocol", "SASL_SSL")
            .set("ssl.ca.location", authority.to_str().context("the path is not UTF-8")?)
            .set("sasl.mechanism", "PLAIN")
            .set("sasl.username", USER)
            .set("sasl.password", PASSWORD);
        Ok(config)
    }

    /// Kills the broker with SIGKILL and restarts it.
    pub(super) fn kill_and_restart(&mut self) -> Result<()> {
        block_in_place(|| {
            self.kafka.kill()?;
            self.kafka.restart()
        })
    }

    pub(super) async fn cut_link(&self) -> Result<()> {
        cut_link(self.kafka.proxy()?).await
    }
}

/// Configuration with a short reconnect backoff, to leave more time for faults.
pub(crate) fn config(bootstrap_servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap_servers)
        .set("reconnect.backoff.ms", "10")
        .set("reconnect.backoff.max.ms", "200");
    config
}

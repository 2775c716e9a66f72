//! The brokers that the driver delivers to.

use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::Client;
use driver_events_harness::{KafkaListener, KafkaOperation, KafkaResource, NatsConfig, NatsServer, NatsUser, Proxy};
use driver_events_kafka::{TopicSettings, ensure_topic};
use driver_events_nats::{StreamSettings, ensure_stream};
use rdkafka::ClientConfig;
use tokio::task::block_in_place;

use super::driver::{JetStreamTarget, KafkaTarget};
use crate::fault_timer::{cut_link, retry};
use crate::kafka::{Broker, Servers, USER};

pub(super) const STREAM: &str = "DELIVERY";
/// Longer than a scenario: an event is sent again within it, whatever the outage.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(15 * 60);
const PARTITIONS: i32 = 3;

const DRIVER: (&str, &str) = ("driver", "secret");
const OPERATOR: (&str, &str) = ("operator", "secret");

/// A nats-server with a stream, and a proxy in front of it.
#[derive(Debug)]
pub(super) struct Nats {
    pub(super) server: NatsServer,
    pub(super) proxy: Proxy,
}

/// A Kafka broker with a topic.
#[derive(Debug)]
pub(super) struct Kafka {
    pub(super) broker: Broker,
    pub(super) topic: String,
}

impl Nats {
    pub(super) async fn start() -> Result<Self> {
        let server = block_in_place(|| NatsServer::start(config(true)))?;
        let proxy = Proxy::start(server.client_address())?;
        let nats = Self { server, proxy };
        nats.create_stream().await?;
        Ok(nats)
    }

    pub(super) async fn create_stream(&self) -> Result<()> {
        let settings = StreamSettings::new(STREAM).duplicate_window(DUPLICATE_WINDOW);
        ensure_stream(&self.client().await?, &settings).await?;
        Ok(())
    }

    /// Grants or revokes the driver's permission to publish events.
    pub(super) fn set_permission(&mut self, may_publish: bool) -> Result<()> {
        block_in_place(|| self.server.reload(config(may_publish)))
    }

    /// Connects as the operator, without the proxy.
    pub(super) async fn client(&self) -> Result<Client> {
        let (user, password) = OPERATOR;
        let options = async_nats::ConnectOptions::with_user_and_password(user.into(), password.into());
        Ok(options.connect(self.server.client_url()).await?)
    }

    pub(super) fn target(&self) -> JetStreamTarget {
        let (user, password) = DRIVER;
        JetStreamTarget {
            server: self.proxy.address().to_string(),
            stream: STREAM.to_owned(),
            login: Some((user.to_owned(), password.to_owned())),
        }
    }

    pub(super) async fn cut_link(&self) -> Result<()> {
        cut_link(&self.proxy).await
    }
}

fn config(may_publish: bool) -> NatsConfig {
    let driver = NatsUser::with_password(DRIVER.0, DRIVER.1);
    let driver = match may_publish {
        true => driver,
        false => driver.may_not_publish(&["agent.driver.>"]),
    };
    let operator = NatsUser::with_password(OPERATOR.0, OPERATOR.1);
    NatsConfig::new().jetstream().user(driver).user(operator)
}

impl Kafka {
    pub(super) async fn start(servers: &mut Servers) -> Result<Self> {
        let broker = servers.take_broker()?;
        let topic = servers.topic();
        let (direct, settings) = (broker.direct()?, TopicSettings::named(&topic).partitions(PARTITIONS));
        retry("topic", async || ensure_topic(&direct, &settings).await).await?;
        Ok(Self { broker, topic })
    }

    /// Grants or revokes the user's permission to publish events.
    pub(super) fn set_permission(&self, may_publish: bool) -> Result<()> {
        let admin = self.broker.kafka.admin();
        let (user, topic) = (format!("User:{USER}"), KafkaResource::Topic(&self.topic));
        match may_publish {
            true => admin.allow(&user, topic, KafkaOperation::Write),
            false => admin.revoke(&user, topic, KafkaOperation::Write),
        }
    }

    /// Configuration that bypasses the proxy.
    pub(super) fn config(&self) -> Result<ClientConfig> {
        self.broker.direct()
    }

    pub(super) fn target(&self) -> Result<KafkaTarget> {
        let servers = self.broker.kafka.bootstrap_servers(KafkaListener::Proxied)?;
        Ok(self.target_of(&crate::kafka::config(&servers)))
    }

    /// The target of a user who needs the permission to publish. Bypasses the proxy.
    pub(super) fn user_target(&self) -> Result<KafkaTarget> {
        Ok(self.target_of(&self.broker.as_user()?))
    }

    fn target_of(&self, config: &ClientConfig) -> KafkaTarget {
        // The map hides passwords.
        let keys = config.config_map().into_keys();
        let properties = keys.filter_map(|key| Some((key.to_owned(), config.get(key)?.to_owned())));
        KafkaTarget {
            config: properties.collect(),
            topic: self.topic.clone(),
        }
    }

    pub(super) async fn cut_link(&self) -> Result<()> {
        cut_link(self.broker.kafka.proxy().context("the broker has a proxy")?).await
    }
}

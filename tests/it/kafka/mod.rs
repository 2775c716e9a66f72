//! The Kafka transport as the consumers of `docs/consumers` see it.

mod interop;
mod permissions;

use std::sync::OnceLock;

use driver_events_harness::{Certificates, KafkaBroker, KafkaConfig, KafkaListener};
use driver_events_kafka::{TopicSettings, ensure_topic};
use rdkafka::ClientConfig;

use crate::consumers::{Consumer, Language};

/// Users, all with the same password.
const USERS: [&str; 3] = ["driver", "archive", "setup"];
const PASSWORD: &str = "change-me";

pub(super) struct Shared {
    pub(super) broker: KafkaBroker,
    certificates: Certificates,
}

/// Broker shared by the tests, since it takes seconds to start. Stops with the process.
pub(super) fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let certificates = Certificates::generate().unwrap();
        let config = KafkaConfig::new().sasl(&certificates).acls();
        let config = USERS.iter().fold(config, |config, user| config.user(user, PASSWORD));
        let broker = KafkaBroker::start(config).unwrap();
        Shared { broker, certificates }
    })
}

fn servers(broker: &KafkaBroker) -> String {
    broker.bootstrap_servers(KafkaListener::Plain).unwrap()
}

pub(super) fn config(broker: &KafkaBroker) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers(broker));
    config
}

pub(super) async fn create_topic(broker: &KafkaBroker, topic: &str, partitions: i32) {
    let settings = TopicSettings::named(topic).partitions(partitions);
    assert!(ensure_topic(&config(broker), &settings).await.unwrap().is_new);
}

/// Starts the consumer of a language in its own group.
fn start(language: Language, broker: &KafkaBroker, topic: &str, options: &[&str]) -> Consumer {
    let [topic, group] = [format!("--topic={topic}"), format!("--group={topic}-{language:?}")];
    let options = [&[&*topic, &*group], options].concat();
    language.start("kafka", &[("KAFKA_BOOTSTRAP_SERVERS", &servers(broker))], &options)
}

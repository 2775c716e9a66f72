//! The ACLs in `docs/kafka.md` are sufficient and minimal.

use std::fs;

use driver_events_core::{DriverEventSink, DriverEventSource, Envelope, SinkErrorKind, SourceErrorKind};
use driver_events_harness::KafkaListener;
use driver_events_kafka::{KafkaEventSink, KafkaEventSource, SetupErrorKind, TopicSettings, ensure_topic};
use rdkafka::ClientConfig;

use super::{PASSWORD, Shared, config, shared};
use crate::consumers::KAFKA_LANGUAGES;
use crate::documents::{fenced, root};

/// Adds the ACLs with the commands of the page.
fn allow(shared: &Shared) {
    let document = fs::read_to_string(root().join("docs/kafka.md")).unwrap();
    let commands = fenced(&document, "sh").into_iter();
    let commands: Vec<_> = commands.filter_map(|line| line.strip_prefix("kafka-acls ")).collect();
    assert!(commands.len() >= 3, "{commands:?}");
    for command in commands {
        let mut arguments = command.split(' ').skip_while(|argument| *argument != "--add");
        let arguments: Vec<_> = arguments.by_ref().collect();
        assert!(!arguments.is_empty(), "{command}");
        shared.broker.run_acl_command(&arguments).unwrap();
    }
}

fn login(shared: &Shared, user: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set(
            "bootstrap.servers",
            shared.broker.bootstrap_servers(KafkaListener::Sasl).unwrap(),
        )
        .set("security.protocol", "SASL_SSL")
        .set("ssl.ca.location", shared.certificates.authority().to_str().unwrap())
        .set("sasl.mechanism", "SCRAM-SHA-512")
        .set("sasl.username", user)
        .set("sasl.password", PASSWORD);
    config
}

fn escalate() -> Envelope {
    let json = r#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#;
    Envelope::from_json(json).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_acls_are_sufficient_and_minimal() {
    let shared = shared();
    allow(shared);
    let [driver, archive, setup] = ["driver", "archive", "setup"].map(|user| login(shared, user));
    for (topic, is_new) in [
        ("agent.driver", true),
        ("agent.driver", false),
        ("agent.driver.dead", true),
    ] {
        let made = ensure_topic(&setup, &TopicSettings::named(topic)).await.unwrap();
        assert_eq!((made.is_new, made.warnings), (is_new, Vec::new()), "{topic}");
    }

    let sink = KafkaEventSink::new(driver.clone()).unwrap();
    sink.check().await.unwrap();
    let sent = [escalate(), escalate()];
    for envelope in &sent {
        sink.send(envelope.clone()).await.unwrap();
    }
    let servers = shared.broker.bootstrap_servers(KafkaListener::Sasl).unwrap();
    let authority = shared.certificates.authority();
    let environment = [
        ("KAFKA_BOOTSTRAP_SERVERS", &*servers),
        ("KAFKA_USER", "archive"),
        ("KAFKA_PASSWORD", PASSWORD),
        ("KAFKA_CA", authority.to_str().unwrap()),
    ];
    for language in KAFKA_LANGUAGES {
        let read = language.start("kafka", &environment, &["--group=archive", "--count=1"]);
        assert_eq!(read.lines().await.len(), 1);
    }
    let reader = KafkaEventSource::builder(archive.clone()).group("archive");
    let mut source = reader.dead_letters("agent.driver.dead").build().await.unwrap();
    let third = escalate();
    sink.send(third.clone()).await.unwrap();
    let delivery = source.next().await.unwrap().unwrap();
    assert_eq!(delivery.envelope().unwrap().id(), third.id());
    delivery.reject("a test").await.unwrap();
    source.close().await.unwrap();
    let dead = KafkaEventSource::builder(config(&shared.broker)).topic("agent.driver.dead");
    let delivery = dead.build().await.unwrap().next().await.unwrap().unwrap();
    assert_eq!(delivery.envelope().unwrap().id(), third.id());

    for (user, config) in [("archive", &archive), ("setup", &setup)] {
        let error = KafkaEventSink::new(config.clone()).unwrap().send(escalate()).await;
        assert_eq!(error.unwrap_err().kind(), SinkErrorKind::Unauthorized, "{user}");
    }
    for (user, config) in [("driver", &driver), ("setup", &setup)] {
        let mut source = KafkaEventSource::builder(config.clone()).build().await.unwrap();
        let error = source.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Unauthorized, "{user}: {error}");
    }
    for (user, config) in [("driver", &driver), ("archive", &archive)] {
        let made = ensure_topic(config, &TopicSettings::named("agent.driver.more")).await;
        assert_eq!(made.unwrap_err().kind(), SetupErrorKind::Unauthorized, "{user}");
    }
}

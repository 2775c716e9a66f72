//! Missing, created, checked and differently named topics, and invalid properties.

use std::time::Duration;

use driver_events_core::{DriverEventSink, Receipt, SinkErrorKind};
use driver_events_kafka::{
    KafkaEventSink, KafkaEventSource, SetupErrorKind, TopicSettings, TopicWarning, ensure_topic,
};
use driver_events_types::{EventKind, GoalId};
use rdkafka::ClientConfig;

use crate::support::{config, create_topic, events, in_time, unique_prefix};

#[tokio::test(flavor = "multi_thread")]
async fn missing_topic_fails_check_send_and_build() {
    let prefix = unique_prefix();
    let sink = KafkaEventSink::builder(config()).prefix(&prefix).build().unwrap();
    let error = in_time(sink.check()).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains(&format!("{prefix}.agent.driver")), "{error}");
    let error = in_time(sink.send(events(GoalId::new(), 1).remove(0)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Disconnected, "{error}");
    let error = in_time(KafkaEventSource::builder(config()).prefix(&prefix).build())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::NotFound, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ensure_topic_creates_once_and_never_changes() {
    let name = format!("{}.agent.driver", unique_prefix());
    let settings = TopicSettings::named(&name)
        .partitions(3)
        .replication(1)
        .min_insync_replicas(1)
        .retention(Duration::from_secs(86_400));
    let created = in_time(ensure_topic(&config(), &settings)).await.unwrap();
    assert!(created.is_new);
    assert_eq!((created.partitions, created.warnings.len()), (3, 0));
    let found = in_time(ensure_topic(&config(), &settings)).await.unwrap();
    assert!(!found.is_new);
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    let other = TopicSettings::named(&name)
        .partitions(5)
        .replication(3)
        .retention(Duration::from_secs(1));
    let found = in_time(ensure_topic(&config(), &other)).await.unwrap();
    assert_eq!(found.partitions, 3);
    let setting = TopicWarning::Setting {
        name: "retention.ms".into(),
        found: "86400000".into(),
        wanted: "1000".into(),
    };
    for warning in [
        setting,
        TopicWarning::Partitions { found: 3, wanted: 5 },
        TopicWarning::FewerReplicas { found: 1, wanted: 3 },
    ] {
        assert!(found.warnings.contains(&warning), "{warning:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ensure_topic_refuses_invalid_settings() {
    let too_many = TopicSettings::named(unique_prefix()).replication(3);
    let error = in_time(ensure_topic(&config(), &too_many)).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error}");
    let error = in_time(ensure_topic(&config(), &TopicSettings::named("a b")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error}");
}

/// Brokers refuse it, as the metrics of the two topics would have the same names.
#[tokio::test(flavor = "multi_thread")]
async fn ensure_topic_names_the_topic_it_collides_with() {
    let prefix = unique_prefix();
    let other = format!("{prefix}.agent_driver");
    create_topic(&config(), &other, 1).await;
    let settings = TopicSettings::named(format!("{prefix}.agent.driver"));
    let error = in_time(ensure_topic(&config(), &settings)).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error}");
    assert!(
        error.to_string().contains(&format!("topic `{other}` exists")),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_per_subject_stores_in_subject_topic() {
    let prefix = unique_prefix();
    for kind in EventKind::ALL {
        let settings = TopicSettings::named(format!("{prefix}.{}", kind.subject())).partitions(1);
        in_time(ensure_topic(&config(), &settings)).await.unwrap();
    }
    let sink = KafkaEventSink::builder(config())
        .topic_per_subject()
        .prefix(&prefix)
        .build()
        .unwrap();
    in_time(sink.check()).await.unwrap();
    let Receipt::Stored(stored) = in_time(sink.send(events(GoalId::new(), 1).remove(0))).await.unwrap() else {
        panic!("not stored");
    };
    assert_eq!(*stored.log, format!("{prefix}.agent.driver.escalate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn record_larger_than_topic_limit_is_too_large() {
    let name = format!("{}.agent.driver", unique_prefix());
    crate::support::broker()
        .admin()
        .create_topic(&name, 1, 1, &[("max.message.bytes", "1000")])
        .unwrap();
    let sink = KafkaEventSink::builder(config()).topic(name).build().unwrap();
    let goal_id = GoalId::new();
    let mut envelopes = events(goal_id, 2);
    // Incompressible, since the limit is that of the compressed batch.
    let next = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    let states = std::iter::successors(Some(1_u64), next).take(2_000);
    let reason = states.map(|state| char::from(b'a' + (state >> 60) as u8)).collect();
    envelopes.insert(
        1,
        driver_events_core::Envelope::new(driver_events_types::DriverEvent::Escalate { goal_id, reason }),
    );
    let results = in_time(sink.send_batch(envelopes)).await;
    assert_eq!(results[1].as_ref().unwrap_err().kind(), SinkErrorKind::TooLarge);
    // A smaller event is stored.
    in_time(sink.send(events(goal_id, 1).remove(0))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_cluster_fails_check_and_times_out_send() {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", "127.0.0.1:1")
        .set("message.timeout.ms", "500");
    let sink = KafkaEventSink::new(config).unwrap();
    assert_eq!(
        in_time(sink.check()).await.unwrap_err().kind(),
        SetupErrorKind::Unreachable
    );
    let error = in_time(sink.send(events(GoalId::new(), 1).remove(0)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Timeout, "{error}");
    in_time(sink.close()).await.unwrap();
}

#[cfg(not(feature = "tls"))]
#[test]
fn tls_properties_without_the_feature_name_the_feature() {
    for (name, value) in [
        ("security.protocol", "SSL"),
        ("security.protocol", "sasl_ssl"),
        ("sasl.mechanism", "SCRAM-SHA-256"),
        ("sasl.mechanisms", "OAUTHBEARER"),
        ("ssl.ca.location", "/ca.pem"),
    ] {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", "127.0.0.1:1");
        if name.starts_with("sasl.") {
            config.set("security.protocol", "SASL_PLAINTEXT");
        }
        config.set(name, value);
        let builder = KafkaEventSink::builder(config).token_provider(|_| Err("no token".into()));
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("`tls`"), "{name}={value}: {error}");
    }
}

#[test]
fn invalid_properties_are_refused_without_secrets() {
    // A producer ignores consumer properties.
    for (name, value, is_valid) in [
        ("acks", "1", false),
        ("linger.mss", "1", false),
        ("sasl.password\0", "s3cret", false),
        ("group.id", "x", true),
    ] {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", "127.0.0.1:1")
            .set("sasl.password", "s3cret")
            .set(name, value);
        let result = KafkaEventSink::new(config);
        assert_eq!(result.is_ok(), is_valid, "{name}={value}: {result:?}");
        if let Err(error) = result {
            assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error}");
            assert!(!format!("{error:?} {error}").contains("s3cret"), "{error:?}");
        }
    }
}

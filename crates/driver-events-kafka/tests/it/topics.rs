//! Topics that are missing, made, checked, and named otherwise.

use std::time::Duration;

use driver_events_core::{DriverEventSink, Receipt, SinkErrorKind};
use driver_events_kafka::{
    KafkaEventSink, KafkaEventSource, SetupErrorKind, TopicSettings, TopicWarning, ensure_topic,
};
use driver_events_types::{EventKind, GoalId};
use rdkafka::ClientConfig;

use crate::support::{config, events, in_time, prefix};

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_found_at_the_start_and_in_time_later() {
    let prefix = prefix();
    let sink = KafkaEventSink::builder(config()).prefix(&prefix).build().unwrap();
    let error = in_time(sink.check()).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::NoTopic, "{error}");
    assert!(error.to_string().contains(&format!("{prefix}.agent.driver")), "{error}");
    let error = in_time(sink.send(events(GoalId::new(), 1).remove(0)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Rejected, "{error}");
    let error = in_time(KafkaEventSource::builder(config()).prefix(&prefix).build())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::NoTopic, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_made_once_and_never_changed() {
    let name = format!("{}.agent.driver", prefix());
    let settings = TopicSettings::named(&name)
        .partitions(3)
        .replication(1)
        .min_insync_replicas(1)
        .retention(Duration::from_secs(86_400));
    let made = in_time(ensure_topic(&config(), &settings)).await.unwrap();
    assert!(made.is_new);
    assert_eq!((made.partitions, made.warnings.len()), (3, 0));
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
async fn a_topic_that_cannot_be_made_says_why() {
    let too_many = TopicSettings::named(prefix()).replication(3);
    let error = in_time(ensure_topic(&config(), &too_many)).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error}");
    let error = in_time(ensure_topic(&config(), &TopicSettings::named("a b")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_for_each_subject() {
    let prefix = prefix();
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
async fn an_event_that_the_topic_does_not_take_is_too_large() {
    let name = format!("{}.agent.driver", prefix());
    crate::support::broker()
        .admin()
        .create_topic(&name, 1, 1, &[("max.message.bytes", "1000")])
        .unwrap();
    let sink = KafkaEventSink::builder(config()).topic(name).build().unwrap();
    let goal_id = GoalId::new();
    let mut envelopes = events(goal_id, 2);
    // What compresses well would be small enough.
    let reason = (0..2_000_u32)
        .map(|number| char::from(b'!' + (number.wrapping_mul(2_654_435_761) >> 26) as u8))
        .collect();
    envelopes.insert(
        1,
        driver_events_core::Envelope::new(driver_events_types::DriverEvent::Escalate { goal_id, reason }),
    );
    let answers = in_time(sink.send_batch(envelopes)).await;
    assert_eq!(answers[1].as_ref().unwrap_err().kind(), SinkErrorKind::TooLarge);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_not_there_is_told_in_time() {
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
fn what_needs_tls_names_the_feature_that_has_it() {
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
        let builder = KafkaEventSink::builder(config).token_provider(|_| Err("there is none".into()));
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("`tls`"), "{name}={value}: {error}");
    }
}

#[test]
fn properties_that_are_wrong_are_refused_and_tell_no_secret() {
    for (name, value) in [
        ("acks", "1"),
        ("linger.mss", "1"),
        ("sasl.password\0", "s3cret"),
        ("group.id", "x"),
    ] {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", "127.0.0.1:1")
            .set("sasl.password", "s3cret")
            .set(name, value);
        if let Err(error) = KafkaEventSink::new(config) {
            assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error}");
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        } else {
            assert_eq!(name, "group.id", "a producer has no use for it, and no harm");
        }
    }
}

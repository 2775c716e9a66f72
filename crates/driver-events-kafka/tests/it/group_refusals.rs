//! Members that a group does not accept.

use std::pin::pin;

use driver_events_core::{DriverEventSink, DriverEventSource, SourceErrorKind};
use driver_events_harness::{KafkaBroker, KafkaConfig, wait_until};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;
use tokio::task::block_in_place;

use crate::support::{
    TEST_TIMEOUT, config_of, create_topic, events, expect_no_delivery, in_time, next_delivery, unique_prefix,
};

/// A broker whose groups have one member.
fn small_groups() -> KafkaBroker {
    let config = KafkaConfig::new()
        .property("group.max.size", "1")
        .property("group.consumer.max.size", "1");
    block_in_place(|| KafkaBroker::start(config)).unwrap()
}

async fn member(config: &ClientConfig, topic: &str, properties: &[(&str, &str)]) -> KafkaEventSource {
    let mut config = config.clone();
    for (name, value) in properties {
        config.set(*name, *value);
    }
    let source = KafkaEventSource::builder(config).topic(topic).group(topic);
    in_time(source.build()).await.unwrap()
}

async fn publish(config: &ClientConfig, topic: &str) -> String {
    let sink = KafkaEventSink::builder(config.clone()).topic(topic).build().unwrap();
    let event = events(GoalId::new(), 1).remove(0);
    let id = event.id().to_string();
    in_time(sink.send(event)).await.unwrap();
    id
}

/// Checks that `second` names the cause once while `first` is a member, and reads after `first` has left.
async fn expect_wait(config: &ClientConfig, topic: &str, [first, second]: [&[(&str, &str)]; 2], cause: &str) {
    let mut first = member(config, topic, first).await;
    let sent = publish(config, topic).await;
    let delivery = next_delivery(&mut first).await;
    let mut second = member(config, topic, second).await;
    let error = tokio::select! {
        next = second.next() => next.unwrap().unwrap_err(),
        next = first.next() => panic!("{next:?}"),
    };
    assert_eq!(error.kind(), SourceErrorKind::Disconnected, "{error}");
    assert!(error.to_string().contains(cause), "{error}");
    assert_eq!(second.state().last_error().unwrap(), error.to_string());
    // librdkafka tries again every second.
    let state = second.state().clone();
    let attempts = async || {
        let statistics = state.statistics()?;
        let coordinator = statistics.brokers.values().find(|broker| broker.source == "logical")?;
        coordinator
            .req
            .get("JoinGroup")
            .copied()
            .filter(|attempts| *attempts >= 4)
    };
    {
        let mut attempted = pin!(wait_until("the group was tried again", TEST_TIMEOUT, async || {
            attempts().await.is_some()
        }));
        tokio::select! {
            () = &mut attempted => {}
            next = second.next() => panic!("{next:?}"),
            next = first.next() => panic!("{next:?}"),
        }
    }
    drop(delivery);
    in_time(first.close()).await.unwrap();
    let delivery = next_delivery(&mut second).await;
    assert_eq!(delivery.envelope().unwrap().id().to_string(), sent);
    expect_no_delivery(&mut second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn member_with_another_strategy_waits_and_says_so_once() {
    let config = crate::support::config();
    let topic = unique_prefix();
    create_topic(&config, &topic, 1).await;
    let strategy = [
        ("partition.assignment.strategy", "range"),
        ("statistics.interval.ms", "100"),
    ];
    expect_wait(&config, &topic, [&[], &strategy], "partition.assignment.strategy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn member_of_a_full_group_waits_and_says_so_once() {
    let broker = small_groups();
    let config = config_of(&broker);
    create_topic(&config, "t", 1).await;
    let statistics = [("statistics.interval.ms", "100")];
    expect_wait(&config, "t", [&[], &statistics], "full").await;

    // With this protocol librdkafka gives up.
    create_topic(&config, "u", 1).await;
    let protocol = [("group.protocol", "consumer")];
    let mut first = member(&config, "u", &protocol).await;
    publish(&config, "u").await;
    let _delivery = next_delivery(&mut first).await;
    let mut second = member(&config, "u", &protocol).await;
    expect_end(&mut second, "full").await;
}

/// Checks that the source ends with this error.
async fn expect_end(source: &mut KafkaEventSource, cause: &str) {
    let error = in_time(source.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Fatal, "{error}");
    assert!(error.to_string().contains(cause), "{error}");
    assert_eq!(source.state().last_error().unwrap(), error.to_string());
    assert!(in_time(source.next()).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn session_timeout_outside_the_bounds_ends_the_source() {
    let config = crate::support::config();
    let topic = unique_prefix();
    create_topic(&config, &topic, 1).await;
    let properties = [("session.timeout.ms", "3600000"), ("max.poll.interval.ms", "3600000")];
    let mut source = member(&config, &topic, &properties).await;
    expect_end(&mut source, "`session.timeout.ms` is outside").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn assignor_unknown_to_the_brokers_ends_the_source() {
    let config = crate::support::config();
    let topic = unique_prefix();
    create_topic(&config, &topic, 1).await;
    let properties = [("group.protocol", "consumer"), ("group.remote.assignor", "none-such")];
    let mut source = member(&config, &topic, &properties).await;
    expect_end(&mut source, "group.remote.assignor").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn second_member_with_the_same_instance_id_ends_the_first() {
    let config = crate::support::config();
    let topic = unique_prefix();
    create_topic(&config, &topic, 1).await;
    let properties = [("group.instance.id", "one"), ("heartbeat.interval.ms", "100")];
    let mut first = member(&config, &topic, &properties).await;
    publish(&config, &topic).await;
    let _delivery = next_delivery(&mut first).await;
    let mut second = member(&config, &topic, &properties).await;
    let mut next = pin!(second.next());
    tokio::select! {
        () = expect_end(&mut first, "group.instance.id") => {}
        () = async {
            let _ = next.as_mut().await;
            std::future::pending().await
        } => {}
    }
}

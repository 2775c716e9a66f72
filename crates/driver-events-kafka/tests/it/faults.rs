//! A broker that is killed under load: nothing that was acknowledged is lost, nothing is stored twice, and the order of
//! each goal holds.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use driver_events_core::DriverEventSink;
use driver_events_harness::{KafkaBroker, KafkaConfig, wait_until};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource, TopicSettings, ensure_topic};
use driver_events_types::GoalId;

use crate::support::{PATIENCE, config_of, events, in_time, next};

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_under_load_loses_and_doubles_nothing() {
    let mut broker = KafkaBroker::start(KafkaConfig::new()).unwrap();
    let config = config_of(&broker);
    in_time(ensure_topic(&config, &TopicSettings::new().partitions(3)))
        .await
        .unwrap();
    let sink = Arc::new(KafkaEventSink::new(config.clone()).unwrap());
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let has_enough = Arc::new(AtomicBool::new(false));
    let sending: Vec<_> = (0..4)
        .map(|_| {
            let (sink, acknowledged, has_enough) =
                (Arc::clone(&sink), Arc::clone(&acknowledged), Arc::clone(&has_enough));
            tokio::spawn(async move {
                let goal = GoalId::new();
                let mut sent = Vec::new();
                while !has_enough.load(Ordering::Relaxed) {
                    let batch = events(goal, 100);
                    for answer in in_time(sink.send_batch(batch.clone())).await {
                        answer.unwrap();
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    sent.extend(batch);
                }
                sent
            })
        })
        .collect();
    for _ in 0..3 {
        let before = acknowledged.load(Ordering::Relaxed);
        wait_until("events are acknowledged", PATIENCE, async || {
            acknowledged.load(Ordering::Relaxed) > before + 500
        })
        .await;
        broker = tokio::task::spawn_blocking(move || {
            broker.kill().unwrap();
            broker.restart().unwrap();
            broker
        })
        .await
        .unwrap();
    }
    has_enough.store(true, Ordering::Relaxed);
    let mut missing = HashMap::new();
    let mut total = 0;
    for task in sending {
        let sent = in_time(task).await.unwrap();
        total += sent.len();
        let goal = sent[0].goal_id();
        let ids: Vec<_> = sent.iter().rev().map(|envelope| envelope.id().clone()).collect();
        missing.insert(goal, ids);
    }
    assert_eq!(sink.state().rebuilds(), 0);
    in_time(sink.close()).await.unwrap();
    let mut source = in_time(KafkaEventSource::builder(config).build()).await.unwrap();
    for _ in 0..total {
        let delivery = next(&mut source).await;
        let envelope = delivery.envelope().unwrap();
        let expected = missing.get_mut(&envelope.goal_id()).unwrap().pop();
        assert_eq!(expected.as_ref(), Some(envelope.id()), "in order, each once");
    }
    crate::support::nothing_comes(&mut source).await;
}

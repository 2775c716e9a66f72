//! Errors that a real broker cannot be made to give, from librdkafka's own mock of a cluster.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, Receipt, SinkErrorKind};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource};
use driver_events_types::GoalId;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::support::{events, next};

fn cluster() -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("agent.driver", 1, 1).unwrap();
    cluster
}

fn config(cluster: &MockCluster<'static, DefaultProducerContext>) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", cluster.bootstrap_servers());
    config
}

/// The head of what is under way being out of order is fatal to an idempotent producer: it takes no more records.
#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_broke_down_is_made_anew_and_sends_what_has_no_report() {
    let cluster = cluster();
    let sink = KafkaEventSink::new(config(&cluster)).unwrap();
    let goal = GoalId::new();
    for envelope in events(goal, 3) {
        assert!(matches!(sink.send(envelope).await, Ok(Receipt::Stored(_))));
    }
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER; 1];
    cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    let sent = events(goal, 50);
    for answer in sink.send_batch(sent.clone()).await {
        assert!(matches!(answer, Ok(Receipt::Stored(_))), "{answer:?}");
    }
    assert_eq!(sink.state().producer_recreations(), 1);
    // They are the records that they were: key, value, time and headers.
    let mut source = KafkaEventSource::builder(config(&cluster)).build().await.unwrap();
    let mut read = Vec::new();
    while read.len() < 53 {
        read.push(next(&mut source).await.envelope().unwrap().clone());
    }
    for (sent, read) in sent.iter().zip(&read[3..]) {
        assert_eq!(sent.json().unwrap(), read.json().unwrap());
        assert_eq!(
            (sent.id(), sent.time(), sent.source()),
            (read.id(), read.time(), read.source())
        );
    }
    assert!(
        (1..=50).contains(&sink.state().possible_duplicates()),
        "{:?}",
        sink.state()
    );
    // What was acknowledged before is not sent again, and the new producer works.
    let answer = sink.send(events(goal, 1).remove(0)).await.unwrap();
    let Receipt::Stored(stored) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(stored.offset, 53);
    assert_eq!(sink.state().producer_recreations(), 1);
    sink.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_waited_for() {
    let cluster = cluster();
    let mut config = config(&cluster);
    config.set("queue.buffering.max.messages", "10");
    let sink = KafkaEventSink::new(config).unwrap();
    let goal = GoalId::new();
    for (place, answer) in sink.send_batch(events(goal, 500)).await.into_iter().enumerate() {
        let Ok(Receipt::Stored(stored)) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(usize::try_from(stored.offset).unwrap(), place);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_stays_full_is_told_in_time() {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", "127.0.0.1:1")
        .set("message.timeout.ms", "500")
        .set("queue.buffering.max.messages", "2");
    let sink = KafkaEventSink::new(config).unwrap();
    let answers = tokio::time::timeout(Duration::from_secs(20), sink.send_batch(events(GoalId::new(), 20))).await;
    for answer in answers.unwrap() {
        let kind = answer.unwrap_err().kind();
        assert!(matches!(kind, SinkErrorKind::Timeout | SinkErrorKind::Full), "{kind:?}");
    }
}

/// Dropping a producer of librdkafka's purges its queue.
#[tokio::test(flavor = "multi_thread")]
async fn close_waits_for_events_whose_send_was_dropped() {
    let cluster = cluster();
    let mut config = config(&cluster);
    config.set("linger.ms", "200");
    let sink = KafkaEventSink::new(config.clone()).unwrap();
    for envelope in events(GoalId::new(), 100) {
        let mut send = sink.send(envelope);
        // Polled once, so that the record is in the queue.
        assert!(futures_util::poll!(&mut send).is_pending());
    }
    sink.close().await.unwrap();
    assert_eq!(
        sink.send(events(GoalId::new(), 1).remove(0)).await.unwrap_err().kind(),
        SinkErrorKind::Closed
    );
    let other = KafkaEventSink::new(config).unwrap();
    let Receipt::Stored(stored) = other.send(events(GoalId::new(), 1).remove(0)).await.unwrap() else {
        panic!("not stored");
    };
    assert_eq!(stored.offset, 100);
}

/// The others wait for their turn: together they try some hundred times a second, not each.
#[tokio::test(flavor = "multi_thread")]
async fn many_that_wait_for_room_are_no_busy_loop() {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", "127.0.0.1:1")
        .set("message.timeout.ms", "1000")
        .set("queue.buffering.max.messages", "2");
    let sink = KafkaEventSink::new(config).unwrap();
    let polls = AtomicUsize::new(0);
    let sends = events(GoalId::new(), 200).into_iter().map(|envelope| {
        let mut send = sink.send(envelope);
        let polls = &polls;
        poll_fn(move |context| {
            polls.fetch_add(1, Ordering::Relaxed);
            send.as_mut().poll(context)
        })
    });
    let sends: Vec<_> = sends.map(tokio::task::unconstrained).collect();
    let mut answers = sends.into_iter().collect::<FuturesUnordered<_>>();
    while let Some(answer) = tokio::time::timeout(Duration::from_secs(20), answers.next())
        .await
        .unwrap()
    {
        assert!(answer.is_err());
    }
    let polls = polls.load(Ordering::Relaxed);
    assert!(polls < 4_000, "{polls} polls for 200 events in a second or two");
}

#[tokio::test(flavor = "multi_thread")]
async fn flush_does_not_wait_for_events_that_follow() {
    let cluster = cluster();
    let sink = Arc::new(KafkaEventSink::new(config(&cluster)).unwrap());
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let sink = Arc::clone(&sink);
            tokio::spawn(async move {
                let goal = GoalId::new();
                loop {
                    for answer in sink.send_batch(events(goal, 100)).await {
                        answer.unwrap();
                    }
                }
            })
        })
        .collect();
    for _ in 0..5 {
        let mut send = sink.send(events(GoalId::new(), 1).remove(0));
        assert!(futures_util::poll!(&mut send).is_pending());
        drop(send);
        tokio::time::timeout(Duration::from_secs(10), sink.flush())
            .await
            .unwrap()
            .unwrap();
    }
    for sender in senders {
        sender.abort();
    }
}

/// On one thread: whoever sends again at once what is refused must let the others come to their turn.
#[tokio::test]
async fn events_that_are_refused_at_once_do_not_keep_the_thread() {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", "127.0.0.1:1")
        .set("message.max.bytes", "1000");
    let sink = KafkaEventSink::new(config).unwrap();
    let other = tokio::spawn(async {});
    let mut refusals = 0;
    while !other.is_finished() {
        let answer = sink.send(samples::sized(GoalId::new(), 2_000)).await;
        assert_eq!(answer.unwrap_err().kind(), SinkErrorKind::TooLarge);
        refusals += 1;
        assert!(refusals < 10_000, "the other task has waited all the time");
    }
}

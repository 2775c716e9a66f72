//! Fatal producer errors from librdkafka's mock cluster, full queues, and the waits of flush and close.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, DriverEventSource, Fate, Receipt, SinkErrorKind, SourceErrorKind};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource};
use driver_events_types::GoalId;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tokio::task::block_in_place;
use tokio::time::Instant;

use crate::support::{TEST_TIMEOUT, events, in_time, next_delivery};

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

/// `OUT_OF_ORDER_SEQUENCE_NUMBER` for the first record in flight is fatal to an idempotent producer.
#[tokio::test(flavor = "multi_thread")]
async fn fatal_error_recreates_producer_and_resends_unreported() {
    let cluster = cluster();
    let sink = KafkaEventSink::new(config(&cluster)).unwrap();
    let goal = GoalId::new();
    for envelope in events(goal, 3) {
        assert!(matches!(sink.send(envelope).await, Ok(Receipt::Stored(_))));
    }
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER; 1];
    cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    let sent = events(goal, 50);
    for result in sink.send_batch(sent.clone()).await {
        assert!(matches!(result, Ok(Receipt::Stored(_))), "{result:?}");
    }
    assert_eq!(sink.state().producer_recreations(), 1);
    // The resent records are unchanged.
    let mut source = KafkaEventSource::builder(config(&cluster)).build().await.unwrap();
    let mut read = Vec::new();
    while read.len() < 53 {
        read.push(next_delivery(&mut source).await.envelope().unwrap().clone());
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
    // Acknowledged events were not sent again, and the new producer works.
    let result = sink.send(events(goal, 1).remove(0)).await.unwrap();
    let Receipt::Stored(stored) = result else {
        panic!("{result:?}");
    };
    assert_eq!(stored.offset, 53);
    assert_eq!(sink.state().producer_recreations(), 1);
    sink.close().await.unwrap();
}

/// The broker may have stored the event although it answered with an error that is fatal to the producer.
#[tokio::test(flavor = "multi_thread")]
async fn refusal_of_the_next_attempt_leaves_the_fate_unknown() {
    for batched in [false, true] {
        let cluster = cluster();
        let sink = KafkaEventSink::new(config(&cluster)).unwrap();
        let goal = GoalId::new();
        sink.send(events(goal, 1).remove(0)).await.unwrap();
        let errors = [
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        ];
        cluster.request_errors(RDKafkaApiKey::Produce, &errors);
        let envelope = events(goal, 1).remove(0);
        let error = match batched {
            true => in_time(sink.send_batch(vec![envelope])).await.remove(0).unwrap_err(),
            false => in_time(sink.send(envelope)).await.unwrap_err(),
        };
        assert_eq!(sink.state().producer_recreations(), 1);
        assert_eq!(sink.state().possible_duplicates(), 1);
        assert_eq!(
            (error.kind(), error.fate()),
            (SinkErrorKind::Unauthorized, Fate::Unknown),
            "{error}"
        );
        // A refusal of the first attempt is certain.
        cluster.request_errors(RDKafkaApiKey::Produce, &errors[1..]);
        let error = in_time(sink.send(events(goal, 1).remove(0))).await.unwrap_err();
        assert_eq!(error.fate(), Fate::NotSent, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fatal_error_of_dead_letters_redelivers_the_record() {
    let cluster = cluster();
    cluster.create_topic("dead", 1, 1).unwrap();
    let producer: BaseProducer = config(&cluster).create().unwrap();
    for value in ["{", "["] {
        producer
            .send(BaseRecord::<(), _>::to("agent.driver").payload(value))
            .unwrap();
    }
    block_in_place(|| producer.flush(TEST_TIMEOUT)).unwrap();
    let source = KafkaEventSource::builder(config(&cluster))
        .group("g")
        .dead_letters("dead");
    let mut source = in_time(source.build()).await.unwrap();
    in_time(next_delivery(&mut source).await.reject("not an event"))
        .await
        .unwrap();
    let errors = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER; 1];
    cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    let delivery = next_delivery(&mut source).await;
    let error = in_time(delivery.reject("not an event")).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Disconnected, "{error}");
    assert_eq!(source.state().producer_recreations(), 1);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    let last_error = source.state().last_error().unwrap();
    assert!(last_error.contains(&cause), "{last_error}");
    let delivery = next_delivery(&mut source).await;
    assert_eq!(&delivery.envelope().unwrap_err().raw()[..], b"[");
    in_time(delivery.reject("not an event")).await.unwrap();
    in_time(source.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn send_waits_while_queue_is_full() {
    let cluster = cluster();
    let mut config = config(&cluster);
    config.set("queue.buffering.max.messages", "10");
    let sink = KafkaEventSink::new(config).unwrap();
    let goal = GoalId::new();
    for (index, result) in sink.send_batch(events(goal, 500)).await.into_iter().enumerate() {
        let Ok(Receipt::Stored(stored)) = result else {
            panic!("{result:?}");
        };
        assert_eq!(usize::try_from(stored.offset).unwrap(), index);
    }
    assert_eq!(
        sink.state().last_error().as_deref(),
        Some("the producer's queue is full")
    );
}

/// Paused time skips the sink's waits, so it ends before librdkafka, with real time, times out the queued records and
/// frees the queue.
#[tokio::test(start_paused = true)]
async fn full_queue_fails_with_full_at_message_timeout() {
    const MESSAGE_TIMEOUT: Duration = Duration::from_secs(60);
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", "127.0.0.1:1")
        .set("message.timeout.ms", MESSAGE_TIMEOUT.as_millis().to_string())
        .set("queue.buffering.max.messages", "2");
    let sink = KafkaEventSink::new(config).unwrap();
    let mut queued = sink.send_batch(events(GoalId::new(), 2));
    assert!(futures_util::poll!(&mut queued).is_pending());
    let start = Instant::now();
    for result in sink.send_batch(events(GoalId::new(), 20)).await {
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind(), error.fate()),
            (SinkErrorKind::Full, Fate::NotSent),
            "{error}"
        );
    }
    let waited = start.elapsed();
    assert!(waited >= MESSAGE_TIMEOUT, "{waited:?}");
    assert!(waited < MESSAGE_TIMEOUT + Duration::from_secs(1), "{waited:?}");
    assert!(
        futures_util::poll!(&mut queued).is_pending(),
        "the queued events have no report yet"
    );
}

/// Dropping a librdkafka producer purges its queue.
#[tokio::test(flavor = "multi_thread")]
async fn close_waits_for_events_whose_send_was_dropped() {
    let cluster = cluster();
    let mut config = config(&cluster);
    config.set("linger.ms", "200");
    let sink = KafkaEventSink::new(config.clone()).unwrap();
    for envelope in events(GoalId::new(), 100) {
        let mut send = sink.send(envelope);
        // The first poll queues the record.
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

/// Only the holder of the permit retries, a few hundred times a second.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_queue_space_is_not_a_busy_loop() {
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
    let mut results = sends.into_iter().collect::<FuturesUnordered<_>>();
    while let Some(result) = tokio::time::timeout(Duration::from_secs(20), results.next())
        .await
        .unwrap()
    {
        assert!(result.is_err());
    }
    let polls = polls.load(Ordering::Relaxed);
    assert!(polls < 4_000, "{polls} polls for 200 events in a second or two");
}

#[tokio::test(flavor = "multi_thread")]
async fn flush_does_not_wait_for_later_events() {
    let cluster = cluster();
    let sink = Arc::new(KafkaEventSink::new(config(&cluster)).unwrap());
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let sink = Arc::clone(&sink);
            tokio::spawn(async move {
                let goal = GoalId::new();
                loop {
                    for result in sink.send_batch(events(goal, 100)).await {
                        result.unwrap();
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

/// On a single thread, a caller that retries refused events in a loop must yield to other tasks.
#[tokio::test]
async fn retry_loop_of_refused_events_yields_to_other_tasks() {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", "127.0.0.1:1")
        .set("message.max.bytes", "1000");
    let sink = KafkaEventSink::new(config).unwrap();
    let other = tokio::spawn(async {});
    let mut refusals = 0;
    while !other.is_finished() {
        let result = sink.send(samples::sized(GoalId::new(), 2_000)).await;
        assert_eq!(result.unwrap_err().kind(), SinkErrorKind::TooLarge);
        refusals += 1;
        assert!(refusals < 10_000, "the other task never ran");
    }
}

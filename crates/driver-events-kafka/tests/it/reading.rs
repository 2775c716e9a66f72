//! Reading in groups and standalone: start positions, filters, acks, nacks, rejections, commits and lag.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use driver_events_core::{DriverEventSink, DriverEventSource, Envelope, EventFilter, Position};
use driver_events_harness::wait_until;
use driver_events_kafka::{
    KafkaEventSink, KafkaEventSource, KafkaEventSourceBuilder, KafkaState, StartFrom, TopicSettings, ensure_topic,
};
use driver_events_types::{EventKind, GoalId};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::support::{
    TEST_TIMEOUT, broker, committed_offsets, config, create_tenant, events, expect_all_committed, expect_no_delivery,
    ids_of, in_time, next_delivery, read_ids, topic_of,
};

pub(crate) async fn produce(prefix: &str, envelopes: &[Envelope]) {
    let sink = KafkaEventSink::builder(config()).prefix(prefix).build().unwrap();
    for result in in_time(sink.send_batch(envelopes.to_vec())).await {
        result.unwrap();
    }
}

fn reader(prefix: &str) -> KafkaEventSourceBuilder {
    KafkaEventSource::builder(config()).prefix(prefix)
}

#[tokio::test(flavor = "multi_thread")]
async fn group_resumes_and_another_group_reads_all() {
    let prefix = create_tenant(1).await;
    let envelopes = events(GoalId::new(), 30);
    produce(&prefix, &envelopes).await;
    for part in ids_of(&envelopes).chunks(10) {
        let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
        assert_eq!(read_ids(&mut source, 10).await, part);
        in_time(source.close()).await.unwrap();
    }
    expect_all_committed(&prefix).await;
    let mut other = in_time(reader(&prefix).group(format!("{prefix}-2")).build())
        .await
        .unwrap();
    assert_eq!(read_ids(&mut other, 30).await, ids_of(&envelopes));
}

/// The consumer stops between processing and ack.
#[tokio::test(flavor = "multi_thread")]
async fn unsettled_records_are_redelivered() {
    let prefix = create_tenant(1).await;
    let envelopes = events(GoalId::new(), 5);
    produce(&prefix, &envelopes).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    let first = next_delivery(&mut source).await;
    let second = next_delivery(&mut source).await;
    // An ack after a gap is not committed.
    second.ack().await.unwrap();
    in_time(source.close()).await.unwrap();
    drop(first);
    assert_eq!(committed_offsets(&prefix, &topic_of(&prefix)).await, [0]);
    let mut again = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    assert_eq!(read_ids(&mut again, 5).await, ids_of(&envelopes));
}

#[tokio::test(flavor = "multi_thread")]
async fn nacked_record_and_later_ones_are_redelivered_in_order() {
    let prefix = create_tenant(1).await;
    let envelopes = events(GoalId::new(), 5);
    produce(&prefix, &envelopes).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    assert_eq!(read_ids(&mut source, 1).await, ids_of(&envelopes[..1]));
    let delivery = next_delivery(&mut source).await;
    let later = next_delivery(&mut source).await;
    delivery.nack(Duration::from_millis(50)).await.unwrap();
    assert_eq!(read_ids(&mut source, 4).await, ids_of(&envelopes[1..]));
    // This delivery is stale: its record was redelivered.
    assert!(later.ack().await.is_err());
    in_time(source.close()).await.unwrap();
    expect_all_committed(&prefix).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_record_is_delivered_and_dead_lettered() {
    let prefix = create_tenant(1).await;
    let topic = format!("{prefix}.agent.driver");
    let dead = format!("{prefix}.dead");
    let settings = TopicSettings::named(&dead).partitions(1);
    in_time(ensure_topic(&config(), &settings)).await.unwrap();
    broker().write_with_console(&topic, &[("k", "{\"kind\":1}")]).unwrap();
    let envelopes = events(GoalId::new(), 1);
    produce(&prefix, &envelopes).await;
    let mut source = in_time(reader(&prefix).group(&prefix).dead_letters(&dead).build())
        .await
        .unwrap();
    let delivery = next_delivery(&mut source).await;
    assert_eq!(
        *delivery.position(),
        Position::Partition {
            topic: topic.as_str().into(),
            partition: 0,
            offset: 0
        }
    );
    let reason = delivery.envelope().unwrap_err().to_string();
    in_time(delivery.reject(&reason)).await.unwrap();
    assert_eq!(read_ids(&mut source, 1).await, ids_of(&envelopes));
    let letters = broker().read_with_console(&dead, 1).unwrap();
    assert_eq!(letters[0].key.as_deref(), Some("k"));
    assert_eq!(letters[0].value.as_deref(), Some("{\"kind\":1}"));
    let mut headers = letters[0].headers.clone();
    let timestamp = headers.remove(3);
    assert_eq!(timestamp.0, "dead-letter-timestamp");
    let expected = [
        ("dead-letter-topic", &*topic),
        ("dead-letter-partition", "0"),
        ("dead-letter-offset", "0"),
        ("dead-letter-reason", &reason),
    ];
    assert_eq!(headers, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    in_time(source.close()).await.unwrap();
    expect_all_committed(&prefix).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn start_from_time_skips_earlier_events() {
    for grouped in [false, true] {
        let prefix = create_tenant(2).await;
        let goal = GoalId::new();
        let at = |envelope: Envelope, seconds: u64| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds);
            envelope.with_time(time.into()).unwrap()
        };
        let before: Vec<_> = events(goal, 3).into_iter().map(|envelope| at(envelope, 0)).collect();
        let after: Vec<_> = events(goal, 3).into_iter().map(|envelope| at(envelope, 10)).collect();
        produce(&prefix, &[before, after.clone()].concat()).await;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_005);
        let mut builder = reader(&prefix).start_from(StartFrom::Time(time.into()));
        if grouped {
            builder = builder.group(&prefix);
        }
        let mut since = in_time(builder.build()).await.unwrap();
        let mut read = Vec::new();
        for _ in 0..3 {
            read.push(next_delivery(&mut since).await.envelope().unwrap().id().to_string());
        }
        assert_eq!(read, ids_of(&after), "grouped: {grouped}");
        expect_no_delivery(&mut since).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filter_delivers_selected_and_commits_the_rest() {
    let prefix = create_tenant(1).await;
    let goal = GoalId::new();
    let envelopes = [events(GoalId::new(), 5), events(goal, 2), events(GoalId::new(), 3)].concat();
    produce(&prefix, &envelopes).await;
    let filter = EventFilter::everything().kinds([EventKind::Escalate]).goals([goal]);
    let mut source = in_time(reader(&prefix).group(&prefix).filter(filter).build())
        .await
        .unwrap();
    assert_eq!(read_ids(&mut source, 2).await, ids_of(&envelopes[5..7]));
    expect_no_delivery(&mut source).await;
    in_time(source.close()).await.unwrap();
    expect_all_committed(&prefix).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_share_partitions_and_unsettled_are_redelivered() {
    let prefix = create_tenant(4).await;
    let mut observed = config();
    let member = KafkaEventSource::builder(observed.set("statistics.interval.ms", "100").clone()).prefix(&*prefix);
    let mut first = in_time(member.clone().group(&prefix).build()).await.unwrap();
    let mut second = in_time(member.group(&prefix).build()).await.unwrap();
    let states = [first.state().clone(), second.state().clone()];
    let assigned = wait_until("both members have two partitions", TEST_TIMEOUT, async || {
        states.iter().all(|state| assigned_partitions(state) == 2)
    });
    tokio::select! {
        () = assigned => {}
        delivery = next_delivery(&mut first) => panic!("the topic is empty: {delivery:?}"),
        delivery = next_delivery(&mut second) => panic!("the topic is empty: {delivery:?}"),
    }
    // So many goals that every partition has events.
    let batch: Vec<_> = (0..100).flat_map(|_| events(GoalId::new(), 1)).collect();
    produce(&prefix, &batch).await;
    let (mut read_by_first, mut read_by_second) = (Vec::new(), Vec::new());
    while read_by_first.len() + read_by_second.len() < batch.len() {
        let (delivery, read) = tokio::select! {
            delivery = next_delivery(&mut first) => (delivery, &mut read_by_first),
            delivery = next_delivery(&mut second) => (delivery, &mut read_by_second),
        };
        read.push(delivery.envelope().unwrap().id().to_string());
        delivery.ack().await.unwrap();
    }
    assert!(!read_by_first.is_empty() && !read_by_second.is_empty());
    let read: HashSet<_> = read_by_first.into_iter().chain(read_by_second).collect();
    assert_eq!(read, ids_of(&batch).into_iter().collect());
    // The first member leaves with an unsettled delivery.
    let batch: Vec<_> = (0..100).flat_map(|_| events(GoalId::new(), 1)).collect();
    produce(&prefix, &batch).await;
    let unsettled = next_delivery(&mut first).await;
    in_time(first.close()).await.unwrap();
    let mut missing: HashSet<_> = ids_of(&batch).into_iter().collect();
    while !missing.is_empty() {
        let delivery = next_delivery(&mut second).await;
        missing.remove(&delivery.envelope().unwrap().id().to_string());
        // An ack after the rebalance is stale, and the record is redelivered.
        let _ = delivery.ack().await;
    }
    assert!(unsettled.ack().await.is_err(), "the delivery is stale");
}

/// The number of partitions that the member has, as of the latest statistics.
pub(crate) fn assigned_partitions(state: &KafkaState) -> i32 {
    let statistics = state.statistics();
    let group = statistics.as_ref().and_then(|statistics| statistics.cgrp.as_ref());
    group.map_or(0, |group| group.assignment_size)
}

#[tokio::test(flavor = "multi_thread")]
async fn start_from_latest_is_fixed_when_build_returns() {
    for grouped in [false, true] {
        let prefix = create_tenant(3).await;
        produce(&prefix, &events(GoalId::new(), 5)).await;
        let mut builder = reader(&prefix).start_from(StartFrom::Latest);
        if grouped {
            builder = builder.group(&prefix);
        }
        let mut source = in_time(builder.clone().build()).await.unwrap();
        let after = events(GoalId::new(), 3);
        produce(&prefix, &after).await;
        assert_eq!(read_ids(&mut source, 3).await, ids_of(&after), "grouped: {grouped}");
        in_time(source.close()).await.unwrap();
        if grouped {
            // Also in partitions in which the group has acked nothing.
            let meanwhile: Vec<_> = (0..30).flat_map(|_| events(GoalId::new(), 1)).collect();
            produce(&prefix, &meanwhile).await;
            let mut again = in_time(builder.build()).await.unwrap();
            let mut read = read_ids(&mut again, 30).await;
            let mut sent = ids_of(&meanwhile);
            read.sort();
            sent.sort();
            assert_eq!(read, sent);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lag_counts_undelivered_records() {
    for grouped in [false, true] {
        let prefix = create_tenant(2).await;
        let envelopes: Vec<_> = (0..40).flat_map(|_| events(GoalId::new(), 1)).collect();
        produce(&prefix, &envelopes).await;
        let mut config = config();
        config.set("statistics.interval.ms", "100");
        let mut builder = KafkaEventSource::builder(config).prefix(&prefix);
        if grouped {
            builder = builder.group(&prefix);
        }
        let mut source = in_time(builder.build()).await.unwrap();
        assert_eq!(source.lag(), None);
        for number in 0..10 {
            let delivery = next_delivery(&mut source).await;
            // Acks do not affect the lag.
            if number % 2 == 0 {
                delivery.ack().await.unwrap();
            }
        }
        // Statistics arrive only while `next` polls.
        let mut delivered = 10;
        wait_until("the lag is known", TEST_TIMEOUT, async || {
            if source.lag() == Some(40 - delivered) {
                return true;
            }
            if delivered < 39 {
                let _ = next_delivery(&mut source).await;
                delivered += 1;
            } else {
                expect_no_delivery(&mut source).await;
            }
            false
        })
        .await;
    }
}

/// Many threads ack at the same time, in any order.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_acks_are_all_committed() {
    let prefix = create_tenant(1).await;
    produce(&prefix, &events(GoalId::new(), 2_000)).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    for _ in 0..20 {
        let mut deliveries = Vec::new();
        for _ in 0..100 {
            deliveries.push(next_delivery(&mut source).await);
        }
        let results = deliveries.into_iter().map(|delivery| tokio::spawn(delivery.ack()));
        for result in results.collect::<Vec<_>>() {
            in_time(result).await.unwrap().unwrap();
        }
    }
    in_time(source.close()).await.unwrap();
    expect_all_committed(&prefix).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nack_with_the_longest_delay_is_not_redelivered() {
    let prefix = create_tenant(1).await;
    produce(&prefix, &events(GoalId::new(), 1)).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    next_delivery(&mut source).await.nack(Duration::MAX).await.unwrap();
    expect_no_delivery(&mut source).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nack_of_stale_delivery_fails() {
    let prefix = create_tenant(1).await;
    let envelopes = events(GoalId::new(), 4);
    produce(&prefix, &envelopes).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    let (first, second) = (next_delivery(&mut source).await, next_delivery(&mut source).await);
    first.nack(Duration::ZERO).await.unwrap();
    assert_eq!(read_ids(&mut source, 3).await, ids_of(&envelopes[..3]));
    // It would redeliver records that were acked since.
    assert!(second.nack(Duration::ZERO).await.is_err());
    assert_eq!(read_ids(&mut source, 1).await, ids_of(&envelopes[3..]));
    expect_no_delivery(&mut source).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_records_do_not_block_their_partition() {
    let prefix = create_tenant(1).await;
    let topic = format!("{prefix}.agent.driver");
    let goal = GoalId::new();
    let (before, after) = (events(goal, 2), events(goal, 2));
    produce(&prefix, &before).await;
    let raw: FutureProducer = config().create().unwrap();
    for payload in [&b"\xff\xfe"[..], b"{", b"", b"{\"kind\":\"escalate\"}"] {
        let record = FutureRecord::<[u8], _>::to(&topic).payload(payload);
        in_time(raw.send(record, TEST_TIMEOUT)).await.unwrap();
    }
    produce(&prefix, &after).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    assert_eq!(read_ids(&mut source, 2).await, ids_of(&before));
    for offset in 2..6 {
        let delivery = next_delivery(&mut source).await;
        assert!(delivery.envelope().is_err());
        let Position::Partition { offset: found, .. } = delivery.position() else {
            panic!("{:?}", delivery.position());
        };
        assert_eq!(*found, offset);
        delivery.reject("not an event").await.unwrap();
    }
    assert_eq!(read_ids(&mut source, 2).await, ids_of(&after));
    in_time(source.close()).await.unwrap();
    expect_all_committed(&prefix).await;
}

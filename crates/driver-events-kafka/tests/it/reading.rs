//! What a topic has is read back, in groups and alone, and nothing is committed before it is answered.

use std::time::{Duration, SystemTime};

use driver_events_core::{DriverEventSink, DriverEventSource, Envelope, EventFilter, Position};
use driver_events_harness::wait_until;
use driver_events_kafka::{
    KafkaEventSink, KafkaEventSource, KafkaEventSourceBuilder, StartFrom, TopicSettings, ensure_topic,
};
use driver_events_types::{EventKind, GoalId};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::support::{PATIENCE, broker, config, events, ids, ids_of, in_time, next, nothing_comes, tenant};

async fn produce(prefix: &str, envelopes: &[Envelope]) {
    let sink = KafkaEventSink::builder(config()).prefix(prefix).build().unwrap();
    for answer in in_time(sink.send_batch(envelopes.to_vec())).await {
        answer.unwrap();
    }
}

fn reader(prefix: &str) -> KafkaEventSourceBuilder {
    KafkaEventSource::builder(config()).prefix(prefix)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_goes_on_where_it_was_and_another_sees_all_again() {
    let prefix = tenant(1).await;
    let envelopes = events(GoalId::new(), 30);
    produce(&prefix, &envelopes).await;
    for part in ids_of(&envelopes).chunks(10) {
        let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
        assert_eq!(ids(&mut source, 10).await, part);
        in_time(source.close()).await.unwrap();
    }
    let mut same = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    nothing_comes(&mut same).await;
    let mut other = in_time(reader(&prefix).group(format!("{prefix}-2")).build())
        .await
        .unwrap();
    assert_eq!(ids(&mut other, 30).await, ids_of(&envelopes));
}

/// A consumer that dies between the work and the answer.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_answered_comes_again() {
    let prefix = tenant(1).await;
    let envelopes = events(GoalId::new(), 5);
    produce(&prefix, &envelopes).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    let first = next(&mut source).await;
    let second = next(&mut source).await;
    // Behind a gap nothing is committed.
    second.ack().await.unwrap();
    in_time(source.close()).await.unwrap();
    drop(first);
    let mut again = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    assert_eq!(ids(&mut again, 5).await, ids_of(&envelopes));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_again_comes_in_order() {
    let prefix = tenant(1).await;
    let envelopes = events(GoalId::new(), 5);
    produce(&prefix, &envelopes).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    assert_eq!(ids(&mut source, 1).await, ids_of(&envelopes[..1]));
    let delivery = next(&mut source).await;
    let behind = next(&mut source).await;
    delivery.nack(Duration::from_millis(50)).await.unwrap();
    assert_eq!(ids(&mut source, 4).await, ids_of(&envelopes[1..]));
    // It came again, and this answer is for a delivery that is past.
    assert!(behind.ack().await.is_err());
    in_time(source.close()).await.unwrap();
    let mut rest = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    nothing_comes(&mut rest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_malformed_is_told_with_its_place_and_becomes_a_dead_letter() {
    let prefix = tenant(1).await;
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
    let delivery = next(&mut source).await;
    assert_eq!(
        *delivery.position(),
        Position::Partition {
            topic: topic.as_str().into(),
            partition: 0,
            offset: 0
        }
    );
    let why = delivery.envelope().unwrap_err().to_string();
    in_time(delivery.reject(&why)).await.unwrap();
    assert_eq!(ids(&mut source, 1).await, ids_of(&envelopes));
    let letters = broker().read_with_console(&dead, 1).unwrap();
    assert_eq!(letters[0].key.as_deref(), Some("k"));
    assert_eq!(letters[0].value.as_deref(), Some("{\"kind\":1}"));
    assert!(letters[0].headers.iter().any(|(key, _)| key == "dead-letter-reason"));
    in_time(source.close()).await.unwrap();
    let mut rest = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    nothing_comes(&mut rest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_begins_where_it_is_asked_to() {
    for grouped in [false, true] {
        let prefix = tenant(2).await;
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
            read.push(next(&mut since).await.envelope().unwrap().id().to_string());
        }
        assert_eq!(read, ids_of(&after), "grouped: {grouped}");
        nothing_comes(&mut since).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_selects_and_what_it_leaves_out_is_answered() {
    let prefix = tenant(1).await;
    let goal = GoalId::new();
    let envelopes = [events(GoalId::new(), 5), events(goal, 2), events(GoalId::new(), 3)].concat();
    produce(&prefix, &envelopes).await;
    let filter = EventFilter::everything().kinds([EventKind::Escalate]).goals([goal]);
    let mut source = in_time(reader(&prefix).group(&prefix).filter(filter).build())
        .await
        .unwrap();
    assert_eq!(ids(&mut source, 2).await, ids_of(&envelopes[5..7]));
    nothing_comes(&mut source).await;
    in_time(source.close()).await.unwrap();
    let mut rest = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    nothing_comes(&mut rest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_share_a_group_and_nothing_is_lost_when_one_leaves() {
    let prefix = tenant(4).await;
    let goals: Vec<_> = (0..20).map(|_| GoalId::new()).collect();
    let envelopes: Vec<_> = goals.iter().flat_map(|goal| events(*goal, 10)).collect();
    let mut first = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    nothing_comes(&mut first).await;
    let mut second = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    produce(&prefix, &envelopes).await;
    let mut seen: Vec<String> = Vec::new();
    let wanted = ids_of(&envelopes);
    // The first leaves with work in hand.
    for _ in 0..10 {
        let delivery = tokio::select! {
            delivery = first.next() => delivery,
            delivery = second.next() => delivery,
        };
        if let Some(Ok(delivery)) = delivery {
            seen.push(delivery.envelope().unwrap().id().to_string());
            delivery.ack().await.unwrap();
        }
    }
    let _unanswered = tokio::time::timeout(Duration::from_secs(1), first.next()).await;
    in_time(first.close()).await.unwrap();
    while wanted.iter().any(|id| !seen.contains(id)) {
        let delivery = next(&mut second).await;
        seen.push(delivery.envelope().unwrap().id().to_string());
        // One that a rebalance made late comes again.
        let _ = delivery.ack().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_produced_once_a_reader_of_the_latest_is_there_is_read() {
    for grouped in [false, true] {
        let prefix = tenant(3).await;
        produce(&prefix, &events(GoalId::new(), 5)).await;
        let mut builder = reader(&prefix).start_from(StartFrom::Latest);
        if grouped {
            builder = builder.group(&prefix);
        }
        let mut source = in_time(builder.clone().build()).await.unwrap();
        let after = events(GoalId::new(), 3);
        produce(&prefix, &after).await;
        assert_eq!(ids(&mut source, 3).await, ids_of(&after), "grouped: {grouped}");
        in_time(source.close()).await.unwrap();
        if grouped {
            // In partitions, too, where the group has answered nothing yet.
            let meanwhile: Vec<_> = (0..30).flat_map(|_| events(GoalId::new(), 1)).collect();
            produce(&prefix, &meanwhile).await;
            let mut again = in_time(builder.build()).await.unwrap();
            let mut read = ids(&mut again, 30).await;
            let mut sent = ids_of(&meanwhile);
            read.sort();
            sent.sort();
            assert_eq!(read, sent);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lag_is_what_was_not_delivered() {
    for grouped in [false, true] {
        let prefix = tenant(2).await;
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
            let delivery = next(&mut source).await;
            // What is answered makes no difference.
            if number % 2 == 0 {
                delivery.ack().await.unwrap();
            }
        }
        // A pause in the reading: statistics come to one who asks for deliveries, and the queue has some.
        let mut delivered = 10;
        wait_until("the lag is known", PATIENCE, async || {
            if source.lag() == Some(40 - delivered) {
                return true;
            }
            if delivered < 39 {
                let _ = next(&mut source).await;
                delivered += 1;
            } else {
                nothing_comes(&mut source).await;
            }
            false
        })
        .await;
    }
}

/// Many threads answer at the same time, in any order: what is stored last is the highest.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_given_at_once_are_all_committed() {
    let prefix = tenant(1).await;
    produce(&prefix, &events(GoalId::new(), 2_000)).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    for _ in 0..20 {
        let mut deliveries = Vec::new();
        for _ in 0..100 {
            deliveries.push(next(&mut source).await);
        }
        let answers = deliveries.into_iter().map(|delivery| tokio::spawn(delivery.ack()));
        for answer in answers.collect::<Vec<_>>() {
            in_time(answer).await.unwrap().unwrap();
        }
    }
    in_time(source.close()).await.unwrap();
    let mut rest = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    nothing_comes(&mut rest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_is_past_is_not_asked_for_again() {
    let prefix = tenant(1).await;
    let envelopes = events(GoalId::new(), 4);
    produce(&prefix, &envelopes).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    let past = [next(&mut source).await, next(&mut source).await];
    let [first, second] = past;
    first.nack(Duration::ZERO).await.unwrap();
    assert_eq!(ids(&mut source, 3).await, ids_of(&envelopes[..3]));
    // It would have what was answered since come again.
    assert!(second.nack(Duration::ZERO).await.is_err());
    assert_eq!(ids(&mut source, 1).await, ids_of(&envelopes[3..]));
    nothing_comes(&mut source).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_no_event_does_not_stop_its_partition() {
    let prefix = tenant(1).await;
    let topic = format!("{prefix}.agent.driver");
    let goal = GoalId::new();
    let (before, after) = (events(goal, 2), events(goal, 2));
    produce(&prefix, &before).await;
    let raw: FutureProducer = config().create().unwrap();
    for payload in [&b"\xff\xfe"[..], b"{", b"", b"{\"kind\":\"escalate\"}"] {
        let record = FutureRecord::<[u8], _>::to(&topic).payload(payload);
        in_time(raw.send(record, PATIENCE)).await.unwrap();
    }
    produce(&prefix, &after).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    assert_eq!(ids(&mut source, 2).await, ids_of(&before));
    for offset in 2..6 {
        let delivery = next(&mut source).await;
        assert!(delivery.envelope().is_err());
        let Position::Partition { offset: found, .. } = delivery.position() else {
            panic!("{:?}", delivery.position());
        };
        assert_eq!(*found, offset);
        delivery.reject("no event").await.unwrap();
    }
    assert_eq!(ids(&mut source, 2).await, ids_of(&after));
    in_time(source.close()).await.unwrap();
    let mut rest = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    nothing_comes(&mut rest).await;
}

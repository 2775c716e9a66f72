//! Groups with the protocol of KIP-848 (`group.protocol=consumer`), in which the brokers assign the partitions.

use std::collections::HashSet;
use std::pin::pin;

use driver_events_core::DriverEventSource;
use driver_events_harness::wait_until;
use driver_events_kafka::{KafkaEventSource, KafkaEventSourceBuilder, StartFrom};
use driver_events_types::GoalId;

use crate::reading::{assigned_partitions, produce};
use crate::support::{
    TEST_TIMEOUT, committed_offsets, config, create_tenant, events, high_watermarks, ids_of, in_time, next_delivery,
    read_ids, topic_of,
};

fn member(prefix: &str) -> KafkaEventSourceBuilder {
    let mut config = config();
    config
        .set("group.protocol", "consumer")
        .set("statistics.interval.ms", "100");
    KafkaEventSource::builder(config).prefix(prefix)
}

#[tokio::test(flavor = "multi_thread")]
async fn members_share_partitions_commit_and_resume() {
    let prefix = create_tenant(2).await;
    let mut first = in_time(member(&prefix).group(&prefix).build()).await.unwrap();
    // Its start position cannot be committed, since the group has a member.
    let latest = member(&prefix).group(&prefix).start_from(StartFrom::Latest);
    let mut second = in_time(latest.build()).await.unwrap();
    let states = [first.state().clone(), second.state().clone()];
    let assigned = wait_until("both members have a partition", TEST_TIMEOUT, async || {
        states.iter().all(|state| assigned_partitions(state) == 1)
    });
    tokio::select! {
        () = assigned => {}
        delivery = next_delivery(&mut first) => panic!("the topic is empty: {delivery:?}"),
        delivery = next_delivery(&mut second) => panic!("the topic is empty: {delivery:?}"),
    }
    // So many goals that every partition has events.
    let batch: Vec<_> = (0..100).flat_map(|_| events(GoalId::new(), 1)).collect();
    produce(&prefix, &batch).await;
    let mut missing: HashSet<_> = ids_of(&batch).into_iter().collect();
    let mut unsettled = None;
    while !missing.is_empty() {
        let (delivery, is_first) = tokio::select! {
            delivery = next_delivery(&mut first) => (delivery, true),
            delivery = next_delivery(&mut second) => (delivery, false),
        };
        missing.remove(delivery.envelope().unwrap().id().as_str());
        match is_first && unsettled.is_none() {
            true => unsettled = Some(delivery),
            false => delivery.ack().await.unwrap(),
        }
    }
    // The first member leaves with an unsettled delivery. The second one gets it and all records after it.
    let unsettled = unsettled.unwrap();
    let id = unsettled.envelope().unwrap().id().clone();
    in_time(first.close()).await.unwrap();
    assert!(unsettled.ack().await.is_err(), "the delivery is stale");
    let topic = topic_of(&prefix);
    let mut all_committed = pin!(wait_until("all records are committed", TEST_TIMEOUT, async || {
        committed_offsets(&prefix, &topic).await == high_watermarks(&topic).await
    }));
    let mut is_redelivered = false;
    loop {
        tokio::select! {
            () = &mut all_committed => break,
            delivery = next_delivery(&mut second) => {
                is_redelivered |= *delivery.envelope().unwrap().id() == id;
                delivery.ack().await.unwrap();
            }
        }
    }
    assert!(is_redelivered);
    in_time(second.close()).await.unwrap();

    let more = events(GoalId::new(), 5);
    produce(&prefix, &more).await;
    let mut third = in_time(member(&prefix).group(&prefix).build()).await.unwrap();
    assert_eq!(read_ids(&mut third, 5).await, ids_of(&more));
    in_time(third.close()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn standalone_source_ignores_the_group_protocol() {
    let prefix = create_tenant(1).await;
    let envelopes = events(GoalId::new(), 3);
    produce(&prefix, &envelopes).await;
    let mut source = in_time(member(&prefix).build()).await.unwrap();
    assert_eq!(read_ids(&mut source, 3).await, ids_of(&envelopes));
}

//! Records that are deleted before they are read.

use driver_events_core::{DriverEventSource, SourceErrorKind};
use driver_events_kafka::{KafkaEventSource, KafkaEventSourceBuilder};
use driver_events_types::GoalId;
use tokio::task::block_in_place;

use crate::reading::produce;
use crate::support::{broker, config, create_tenant, events, ids_of, in_time, read_ids, topic_of};

fn delete_before(topic: &str, offset: i64) {
    block_in_place(|| broker().admin().delete_records(topic, 0, offset)).unwrap();
}

fn reader(prefix: &str) -> KafkaEventSourceBuilder {
    KafkaEventSource::builder(config()).prefix(prefix)
}

#[tokio::test(flavor = "multi_thread")]
async fn group_reports_records_deleted_while_it_was_away() {
    let prefix = create_tenant(1).await;
    let envelopes = events(GoalId::new(), 30);
    produce(&prefix, &envelopes).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    assert_eq!(read_ids(&mut source, 5).await, ids_of(&envelopes[..5]));
    in_time(source.close()).await.unwrap();
    delete_before(&topic_of(&prefix), 20);
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    let mut missed = None;
    let mut read = Vec::new();
    while read.len() < 10 || missed.is_none() {
        match in_time(source.next()).await.unwrap() {
            Ok(delivery) => {
                read.push(delivery.envelope().unwrap().id().to_string());
                delivery.ack().await.unwrap();
            }
            Err(error) => {
                assert_eq!(error.kind(), SourceErrorKind::Lagged, "{error}");
                missed = Some(error.to_string());
            }
        }
    }
    assert_eq!(read, ids_of(&envelopes[20..]));
    let topic = topic_of(&prefix);
    assert_eq!(
        missed.unwrap(),
        format!(
            "missed 15 records of `{topic}`, partition 0, offsets 5 to 19: they were deleted before they were read"
        )
    );
    in_time(source.close()).await.unwrap();
    // Reported once.
    produce(&prefix, &envelopes[..1]).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    assert_eq!(read_ids(&mut source, 1).await, ids_of(&envelopes[..1]));
}

/// No record is left to be read.
#[tokio::test(flavor = "multi_thread")]
async fn group_reports_that_all_records_were_deleted() {
    let prefix = create_tenant(1).await;
    produce(&prefix, &events(GoalId::new(), 30)).await;
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    read_ids(&mut source, 5).await;
    in_time(source.close()).await.unwrap();
    delete_before(&topic_of(&prefix), 30);
    let mut source = in_time(reader(&prefix).group(&prefix).build()).await.unwrap();
    let error = in_time(source.next()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::Lagged);
    let missed = format!(
        "missed 25 records of `{}`, partition 0, offsets 5 to 29: ",
        topic_of(&prefix)
    );
    assert!(error.to_string().starts_with(&missed), "{error}");
}

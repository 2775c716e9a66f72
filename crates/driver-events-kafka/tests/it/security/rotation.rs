//! A password that is changed while events flow.

use driver_events_core::{DriverEventSink, DriverEventSource, SinkErrorKind, SourceErrorKind};
use driver_events_harness::{KafkaOperation, KafkaResource, wait_until};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource};
use driver_events_types::GoalId;

use super::{secured, stores};
use crate::support::{PATIENCE, events, ids, in_time};

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_is_told_and_a_sink_and_a_source_go_on_when_theirs_is_good_again() {
    const MECHANISM: &str = "SCRAM-SHA-512";
    let secured = secured();
    let topic = secured.topic(&[("rotated", KafkaOperation::All)]).await;
    secured.allow("rotated", KafkaResource::Group("rotated"), KafkaOperation::Read);
    let sink = |password| {
        let config = secured.by_password(MECHANISM, "rotated", password);
        KafkaEventSink::builder(config).topic(&*topic).build().unwrap()
    };
    let old = sink("s3cret");
    let source = KafkaEventSource::builder(secured.by_password(MECHANISM, "rotated", "s3cret"));
    let mut source = in_time(source.topic(&*topic).group("rotated").build()).await.unwrap();
    stores(&old).await;
    ids(&mut source, 1).await;

    let change = async |password: &'static str| {
        let changed =
            tokio::task::spawn_blocking(move || secured.broker.change_password(MECHANISM, "rotated", password));
        in_time(changed).await.unwrap().unwrap();
    };
    change("n3wer").await;
    let mut stored = 0;
    wait_until("the old password is refused", PATIENCE, async || {
        match in_time(old.send(events(GoalId::new(), 1).remove(0))).await {
            Ok(_) => {
                stored += 1;
                false
            }
            Err(error) => error.kind() == SinkErrorKind::Unauthorized,
        }
    })
    .await;
    // What was stored before may be delivered yet.
    loop {
        match in_time(source.next()).await.unwrap() {
            Ok(delivery) => {
                stored -= 1;
                delivery.ack().await.unwrap();
            }
            Err(error) if error.kind() == SourceErrorKind::Unauthorized => break,
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
    let new = sink("n3wer");
    in_time(new.check()).await.unwrap();
    stores(&new).await;

    change("s3cret").await;
    wait_until("the old password is taken again", PATIENCE, async || {
        in_time(old.send(events(GoalId::new(), 1).remove(0))).await.is_ok()
    })
    .await;
    let mut left = stored + 2;
    while left > 0 {
        if let Ok(delivery) = in_time(source.next()).await.unwrap() {
            left -= 1;
            delivery.ack().await.unwrap();
        }
    }
    in_time(old.close()).await.unwrap();
}

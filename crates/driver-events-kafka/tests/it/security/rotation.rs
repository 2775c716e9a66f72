//! A password that is changed under load.

use driver_events_core::{DriverEventSink, DriverEventSource, SinkErrorKind, SourceErrorKind};
use driver_events_harness::{KafkaOperation, KafkaResource, wait_until};
use driver_events_kafka::{KafkaEventSink, KafkaEventSource};
use driver_events_types::GoalId;

use super::{expect_stored, secured};
use crate::support::{TEST_TIMEOUT, events, in_time, read_ids};

#[tokio::test(flavor = "multi_thread")]
async fn changed_password_interrupts_until_it_is_restored() {
    const MECHANISM: &str = "SCRAM-SHA-512";
    let secured = secured();
    let topic = secured.create_topic(&[("rotated", KafkaOperation::All)]).await;
    secured.allow("rotated", KafkaResource::Group("rotated"), KafkaOperation::Read);
    let sink = |password| {
        let config = secured.by_password(MECHANISM, "rotated", password);
        KafkaEventSink::builder(config).topic(&*topic).build().unwrap()
    };
    let old = sink("s3cret");
    let source = KafkaEventSource::builder(secured.by_password(MECHANISM, "rotated", "s3cret"));
    let mut source = in_time(source.topic(&*topic).group("rotated").build()).await.unwrap();
    expect_stored(&old).await;
    read_ids(&mut source, 1).await;

    let change = async |password: &'static str| {
        let changed =
            tokio::task::spawn_blocking(move || secured.broker.change_password(MECHANISM, "rotated", password));
        in_time(changed).await.unwrap().unwrap();
    };
    change("n3wer").await;
    let mut stored = 0;
    wait_until("the old password is refused", TEST_TIMEOUT, async || {
        match in_time(old.send(events(GoalId::new(), 1).remove(0))).await {
            Ok(_) => {
                stored += 1;
                false
            }
            Err(error) => error.kind() == SinkErrorKind::Unauthorized,
        }
    })
    .await;
    // Events stored before may be delivered first.
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
    expect_stored(&new).await;

    change("s3cret").await;
    wait_until("the old password is accepted again", TEST_TIMEOUT, async || {
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

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use driver_events_core::{
    Delivery, DriverEventSource, Malformed, NdjsonSource, Position, Settle, SourceError, SourceErrorKind,
};

use crate::support::event;

fn position() -> Position {
    let name = "events.ndjson".into();
    Position::Line {
        name,
        line: 7,
        offset: 120,
    }
}

/// Records how its delivery is settled, and returns a timeout.
#[derive(Debug)]
struct RecordingSettle(Arc<Mutex<Vec<String>>>);

impl RecordingSettle {
    fn record(&self, call: String) -> Result<(), SourceError> {
        self.0.lock().unwrap().push(call);
        Err(SourceError::new(SourceErrorKind::Timeout, "no confirmation"))
    }
}

#[async_trait]
impl Settle for RecordingSettle {
    async fn ack(self: Box<Self>) -> Result<(), SourceError> {
        self.record("ack".into())
    }

    async fn nack(self: Box<Self>, delay: Duration) -> Result<(), SourceError> {
        self.record(format!("nack {delay:?}"))
    }

    async fn reject(self: Box<Self>, reason: &str) -> Result<(), SourceError> {
        self.record(format!("reject {reason}"))
    }
}

fn malformed() -> Malformed {
    Malformed::new(Bytes::from_static(b"{]"), "expected a key", 1)
}

/// Settles a delivery in each way, and returns the kinds of the errors.
async fn settle_each(delivery: impl Fn() -> Delivery) -> [Result<(), SourceErrorKind>; 3] {
    [
        delivery().ack().await,
        delivery().nack(Duration::from_secs(2)).await,
        delivery().reject("no use").await,
    ]
    .map(|result| result.map_err(|error| error.kind()))
}

#[tokio::test]
async fn settling_calls_the_handler_and_returns_its_result() {
    for is_valid in [true, false] {
        let content = || if is_valid { Ok(event(1)) } else { Err(malformed()) };
        let calls = Arc::new(Mutex::new(Vec::new()));
        let delivery = || Delivery::new(content(), position()).with_settle(RecordingSettle(Arc::clone(&calls)));
        assert_eq!(settle_each(delivery).await, [Err(SourceErrorKind::Timeout); 3]);
        assert_eq!(*calls.lock().unwrap(), ["ack", "nack 2s", "reject no use"]);
    }
}

/// The source detects an unsettled delivery by the drop of its handler.
#[tokio::test]
async fn unsettled_delivery_drops_the_handler() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let delivery = Delivery::new(Ok(event(1)), position()).with_settle(RecordingSettle(Arc::clone(&calls)));
    assert_eq!(Arc::strong_count(&calls), 2);
    drop(delivery);
    assert_eq!((Arc::strong_count(&calls), calls.lock().unwrap().len()), (1, 0));
}

/// Readers settle the deliveries of every source, also of those without acks.
#[tokio::test]
async fn settling_without_handler_succeeds() {
    assert_eq!(
        settle_each(|| Delivery::new(Ok(event(1)), position())).await,
        [Ok(()); 3]
    );
    assert_eq!(
        settle_each(|| Delivery::new(Err(malformed()), position())).await,
        [Ok(()); 3]
    );
}

#[tokio::test]
async fn source_without_acks_never_redelivers() {
    let lines = b"{]\n{\"kind\":\"one\"}\n{\"kind\":\"two\"}\n{\"kind\":\"three\"}\n";
    let mut source = NdjsonSource::new("-", &lines[..]);
    let mut received = Vec::new();
    while let Some(delivery) = source.next().await {
        let delivery = delivery.unwrap();
        received.push(
            delivery
                .envelope()
                .map_or("malformed".into(), |envelope| envelope.kind().to_owned()),
        );
        match received.len() {
            1 => delivery.reject("no use").await.unwrap(),
            2 => delivery.nack(Duration::ZERO).await.unwrap(),
            3 => drop(delivery),
            _ => delivery.ack().await.unwrap(),
        }
    }
    assert_eq!(received, ["malformed", "one", "two", "three"]);
}

#[test]
fn malformed_delivery_has_position_and_reason() {
    assert!(!malformed().is_continuation());
    let malformed = malformed().into_continuation();
    let delivery = Delivery::new(Err(malformed.clone()), position());
    assert_eq!(delivery.envelope().unwrap_err(), &malformed);
    assert_eq!(delivery.position().to_string(), "events.ndjson:7");
    assert_eq!(
        (malformed.offset(), malformed.column(), malformed.to_string()),
        (1, 2, "expected a key".into())
    );
    assert!(malformed.is_continuation());
    assert_eq!(delivery.raw(), Some(malformed.raw()));
}

#[test]
fn positions_display_as_documented() {
    let subject = Position::Subject {
        subject: "agent.driver.escalate".into(),
        number: 3,
    };
    let stream = Position::Stream {
        stream: "DRIVER".into(),
        sequence: u64::MAX,
    };
    assert_eq!(subject.to_string(), "agent.driver.escalate#3");
    assert_eq!(stream.to_string(), "DRIVER#18446744073709551615");
    let partition = Position::Partition {
        topic: "driver-events".into(),
        partition: 2,
        offset: 40,
    };
    assert_eq!(partition.to_string(), "driver-events[2]#40");
}

#[test]
fn with_raw_keeps_the_received_bytes() {
    let delivery = Delivery::new(Ok(event(1)), position());
    assert_eq!(delivery.raw(), None);
    let line = Bytes::from_static(b"{}\n");
    assert_eq!(delivery.with_raw(line.clone()).raw(), Some(&line));
}

#[test]
fn into_envelope_returns_the_event_or_the_malformed_message() {
    let sent = event(1);
    let delivery = Delivery::new(Ok(sent.clone()), position());
    assert_eq!(delivery.into_envelope().unwrap().id(), sent.id());
    let delivery = Delivery::new(Err(malformed()), position());
    assert_eq!(delivery.into_envelope().unwrap_err().raw(), malformed().raw());
}

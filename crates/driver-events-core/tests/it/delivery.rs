use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use driver_events_core::{Delivery, Malformed, Position, Settle, SourceError, SourceErrorKind};

use crate::support::event;

fn position() -> Position {
    let name = "events.ndjson".into();
    Position::Line {
        name,
        line: 7,
        offset: 120,
    }
}

#[derive(Debug)]
struct Answers(Arc<Mutex<Vec<String>>>);

impl Answers {
    fn note(&self, answer: String) -> Result<(), SourceError> {
        self.0.lock().unwrap().push(answer);
        Err(SourceError::new(SourceErrorKind::Timeout, "no answer to the answer"))
    }
}

#[async_trait]
impl Settle for Answers {
    async fn ack(self: Box<Self>) -> Result<(), SourceError> {
        self.note("ack".into())
    }

    async fn nack(self: Box<Self>, delay: Duration) -> Result<(), SourceError> {
        self.note(format!("nack {delay:?}"))
    }

    async fn reject(self: Box<Self>, why: &str) -> Result<(), SourceError> {
        self.note(format!("reject {why}"))
    }
}

#[tokio::test]
async fn answers_reach_the_source() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let delivery = || Delivery::new(Ok(event(1)), position()).with_settle(Answers(Arc::clone(&told)));
    assert_eq!(delivery().ack().await.unwrap_err().kind(), SourceErrorKind::Timeout);
    assert!(
        delivery()
            .nack(Duration::from_secs(2))
            .await
            .unwrap_err()
            .is_retryable()
    );
    assert_eq!(
        delivery().reject("no use").await.unwrap_err().to_string(),
        "no answer to the answer"
    );
    drop(delivery());
    assert_eq!(*told.lock().unwrap(), ["ack", "nack 2s", "reject no use"]);
}

#[tokio::test]
async fn a_source_that_wants_no_answer_gets_none() {
    let delivery = || Delivery::new(Ok(event(1)), position());
    delivery().ack().await.unwrap();
    delivery().nack(Duration::ZERO).await.unwrap();
    delivery().reject("no use").await.unwrap();
}

#[test]
fn tells_where_it_was_and_what_is_wrong() {
    let malformed = Malformed::new(Bytes::from_static(b"{]"), "expected a key", 1).into_continuation();
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
fn places_of_brokers_have_a_number() {
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
}

#[test]
fn keeps_the_bytes_that_it_came_in() {
    let delivery = Delivery::new(Ok(event(1)), position());
    assert_eq!(delivery.raw(), None);
    let line = Bytes::from_static(b"{}\n");
    assert_eq!(delivery.with_raw(line.clone()).raw(), Some(&line));
}

use super::fixture::SourceFixture;
use crate::conformance::system_under_test::short;
use crate::envelope::Envelope;
use crate::source::DriverEventSource;
use crate::source::delivery::Delivery;

/// Source under test and the log that it reads, created for one property.
pub(super) struct SourceUnderTest<'a, F: SourceFixture> {
    pub(super) source: Box<dyn DriverEventSource>,
    fixture: &'a F,
    log: F::Log,
}

/// What the log contains.
pub(super) enum Content<'a> {
    Events(&'a [Envelope]),
    Bytes(&'a [u8]),
}

impl<'a, F: SourceFixture> SourceUnderTest<'a, F> {
    /// Starts a source that delivers this content.
    pub(super) async fn start(fixture: &'a F, content: &[Content<'_>]) -> Self {
        let log = fixture.start().await;
        let mut source = None;
        if !fixture.capabilities().delivers_earlier {
            source = Some(fixture.open(&log).await);
        }
        for part in content {
            match part {
                Content::Events(envelopes) => fixture.publish(&log, envelopes).await,
                Content::Bytes(bytes) => fixture.publish_bytes(&log, bytes).await,
            }
        }
        let source = match source {
            Some(source) => source,
            None => fixture.open(&log).await,
        };
        Self { source, fixture, log }
    }

    /// Closes the source and opens it again.
    pub(super) async fn reopen(&mut self) {
        self.close().await;
        self.source = self.fixture.open(&self.log).await;
    }

    pub(super) async fn close(&mut self) {
        if let Err(error) = self.source.close().await {
            panic!("close failed: {error:?}");
        }
    }

    /// Returns the next delivery, which the source must have.
    pub(super) async fn next(&mut self) -> Delivery {
        delivery(self.source.next().await)
    }

    /// Returns the next delivery, which must be an event.
    pub(super) async fn next_event(&mut self) -> Delivery {
        let delivery = self.next().await;
        if let Err(malformed) = delivery.envelope() {
            panic!("unexpected malformed message at {}: {malformed}", delivery.position());
        }
        delivery
    }
}

pub(super) fn delivery<E: std::fmt::Debug>(item: Option<Result<Delivery, E>>) -> Delivery {
    match item {
        Some(Ok(delivery)) => delivery,
        Some(Err(error)) => panic!("the source failed: {error:?}"),
        None => panic!("the source ended early"),
    }
}

/// Returns the event of a delivery.
pub(super) fn envelope(delivery: &Delivery) -> Envelope {
    match delivery.envelope() {
        Ok(envelope) => envelope.clone(),
        Err(malformed) => panic!("unexpected malformed message at {}: {malformed}", delivery.position()),
    }
}

pub(super) async fn ack(delivery: Delivery) {
    let event = short(&envelope(&delivery));
    if let Err(error) = delivery.ack().await {
        panic!("ack failed: {error:?}: {event}");
    }
}

//! The suite of sources: NDJSON passes it, and it detects faulty sources, each with a single fault.

use std::io::Cursor;
use std::sync::Mutex;

use async_trait::async_trait;
use driver_events_core::cloudevents::write_structured;
use driver_events_core::conformance::sources::{self, SourceCapabilities, SourceFixture};
use driver_events_core::{
    Delivery, DriverEventSource, Envelope, EventId, Malformed, NdjsonSource, SourceError, SourceErrorKind,
};

/// A fault of a source that reads lines.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    SwapsNeighbours,
    ReplacesIds,
    StopsAtMalformedMessages,
    LosesDeliveriesOfDroppedCalls,
    DeliversAfterClose,
    SecondCloseFails,
}

#[derive(Debug)]
struct FaultySource {
    fault: Fault,
    lines: NdjsonSource<Cursor<Vec<u8>>>,
    held: Option<Delivery>,
    is_closed: bool,
}

#[async_trait]
impl DriverEventSource for FaultySource {
    async fn next(&mut self) -> Option<Result<Delivery, SourceError>> {
        if self.is_closed && self.fault != Fault::DeliversAfterClose {
            return None;
        }
        if let Some(held) = self.held.take() {
            return Some(Ok(held));
        }
        let delivery = match self.lines.next().await? {
            Ok(delivery) => delivery,
            Err(error) => return Some(Err(error)),
        };
        match self.fault {
            Fault::SwapsNeighbours => {
                let Some(Ok(next)) = self.lines.next().await else {
                    return Some(Ok(delivery));
                };
                self.held = Some(delivery);
                Some(Ok(next))
            }
            Fault::ReplacesIds => {
                let position = delivery.position().clone();
                let content = delivery.into_envelope();
                let id = EventId::new("1").unwrap();
                let content: Result<Envelope, Malformed> = content.map(|envelope| envelope.with_id(id));
                Some(Ok(Delivery::new(content, position)))
            }
            Fault::StopsAtMalformedMessages if delivery.envelope().is_err() => {
                self.is_closed = true;
                Some(Err(SourceError::new(SourceErrorKind::Fatal, "malformed")))
            }
            Fault::LosesDeliveriesOfDroppedCalls => {
                tokio::task::yield_now().await;
                Some(Ok(delivery))
            }
            _ => Some(Ok(delivery)),
        }
    }

    async fn close(&mut self) -> Result<(), SourceError> {
        let was_closed = std::mem::replace(&mut self.is_closed, true);
        if was_closed && self.fault == Fault::SecondCloseFails {
            return Err(SourceError::new(SourceErrorKind::Closed, "closed already"));
        }
        Ok(())
    }
}

#[async_trait]
impl SourceFixture for Fault {
    type Log = Mutex<Vec<u8>>;

    async fn start(&self) -> Self::Log {
        Mutex::default()
    }

    async fn publish(&self, log: &Self::Log, envelopes: &[Envelope]) {
        let mut lines = log.lock().unwrap();
        for envelope in envelopes {
            write_structured(envelope, &mut lines).unwrap();
            lines.push(b'\n');
        }
    }

    async fn publish_bytes(&self, log: &Self::Log, bytes: &[u8]) {
        log.lock().unwrap().extend_from_slice(&[bytes, b"\n"].concat());
    }

    async fn open(&self, log: &Self::Log) -> Box<dyn DriverEventSource> {
        let lines = Cursor::new(log.lock().unwrap().clone());
        Box::new(FaultySource {
            fault: *self,
            lines: NdjsonSource::new("-", lines),
            held: None,
            is_closed: false,
        })
    }

    fn capabilities(&self) -> SourceCapabilities {
        let mut capabilities = SourceCapabilities::new();
        capabilities.redelivers = false;
        capabilities
    }
}

#[tokio::test]
async fn faultless_source_passes() {
    sources::run(&Fault::None).await;
}

#[tokio::test]
async fn each_fault_is_named_by_its_property() {
    let faults = [
        (Fault::SwapsNeighbours, "delivers_in_order"),
        (Fault::ReplacesIds, "keeps_attributes"),
        (Fault::StopsAtMalformedMessages, "delivers_malformed_messages"),
        (Fault::LosesDeliveriesOfDroppedCalls, "survives_cancelled_next"),
        (Fault::DeliversAfterClose, "closes"),
        (Fault::SecondCloseFails, "closes"),
    ];
    for (fault, property) in faults {
        let run = tokio::spawn(async move { sources::run(&fault).await });
        let panic = run.await.unwrap_err().into_panic();
        let message = panic.downcast_ref::<String>().unwrap();
        let expected = format!("property `{property}` is violated: ");
        assert!(message.starts_with(&expected), "{fault:?}: {message}");
        assert!(message.contains("declared: SourceCapabilities {"), "{message}");
    }
}

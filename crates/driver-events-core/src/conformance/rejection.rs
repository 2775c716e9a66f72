use driver_events_types::Limits;

use super::fixture::Fixture;
use super::samples;
use super::system_under_test::{SystemUnderTest, event, events, short};
use crate::envelope::Envelope;
use crate::sink::DriverEventSink;
use crate::sink::sink_error::{Fate, SinkErrorKind};

/// Checks that an event that cannot be encoded is rejected with [`Encode`](SinkErrorKind::Encode), and that the sink
/// accepts valid events afterwards.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn rejects_unencodable_events(fixture: &impl Fixture) {
    let goal_id = samples::goal(1);
    let cases = [
        samples::not_finite(goal_id),
        samples::deep(goal_id, Limits::default().max_depth()),
        samples::deep(goal_id, 100_000),
    ];
    rejects(fixture, &cases, SinkErrorKind::Encode).await;
}

/// Checks that an event above the size limit is rejected with [`TooLarge`](SinkErrorKind::TooLarge), that the sink
/// accepts valid events afterwards, and that it accepts an event of exactly the maximum size.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn rejects_too_large_events(fixture: &impl Fixture) {
    let goal_id = samples::goal(1);
    let max_bytes = fixture.capabilities().max_bytes;
    let mut cases = vec![samples::too_large(goal_id)];
    cases.extend(max_bytes.map(|bytes| samples::sized(goal_id, bytes + 1)));
    rejects(fixture, &cases, SinkErrorKind::TooLarge).await;

    let system = SystemUnderTest::start(fixture).await;
    let largest = max_bytes.unwrap_or(Limits::default().max_bytes());
    let sent = [samples::sized(goal_id, largest)];
    system.send_batch(&sent).await;
    system.expect_stored(&sent).await;
}

/// Checks that a sink with a declared capacity accepts that many events, returns [`Full`](SinkErrorKind::Full) for one
/// more, and keeps the accepted events.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn returns_full_at_capacity(fixture: &impl Fixture) {
    let Some(capacity) = fixture.capabilities().capacity else {
        return;
    };
    let system = SystemUnderTest::start(fixture).await;
    let sent = events(1, 0..u32::try_from(capacity).unwrap_or(u32::MAX));
    system.send_batch(&sent).await;
    let one_more = event(2, 0);
    expect_rejection(&*system.sink, &one_more, SinkErrorKind::Full).await;
    system.expect_stored(&sent).await;
}

async fn rejects(fixture: &impl Fixture, cases: &[Envelope], kind: SinkErrorKind) {
    if !fixture.capabilities().rejects_invalid {
        return;
    }
    let system = SystemUnderTest::start(fixture).await;
    let mut sent = Vec::new();
    for (case, number) in cases.iter().zip(0..) {
        expect_rejection(&*system.sink, case, kind).await;
        let valid = event(1, number);
        system.send(&valid).await;
        sent.push(valid);
    }
    system.expect_stored(&sent).await;
}

/// Sends an event that the sink must reject with this kind and the fate `NotSent`.
pub(super) async fn expect_rejection(sink: &dyn DriverEventSink, envelope: &Envelope, kind: SinkErrorKind) {
    match sink.send(envelope.clone()).await {
        Ok(receipt) => panic!("expected {kind:?}, got {receipt:?}: {}", short(envelope)),
        Err(error) => {
            assert_eq!(error.kind(), kind, "unexpected kind of {error:?}: {}", short(envelope));
            assert_eq!(error.fate(), Fate::NotSent, "unexpected fate of {error:?}");
        }
    }
}

use driver_events_types::Limits;

use super::system_under_test::{SystemUnderTest, event, events, short};
use super::{Fixture, samples};
use crate::{DriverEventSink, Envelope, Fate, SinkErrorKind};

/// What cannot be written as JSON is refused with [`Encode`](SinkErrorKind::Encode), and the sink goes on.
///
/// # Panics
/// The sink does not hold to it.
pub async fn rejects_unencodable_events(fixture: &impl Fixture) {
    let goal_id = samples::goal(1);
    let cases = [
        samples::not_finite(goal_id),
        samples::deep(goal_id, Limits::default().max_depth()),
        samples::deep(goal_id, 100_000),
    ];
    rejects(fixture, &cases, SinkErrorKind::Encode).await;
}

/// What is too large is refused with [`TooLarge`](SinkErrorKind::TooLarge), and the sink goes on. What is as large as
/// it may be is taken.
///
/// # Panics
/// The sink does not hold to it.
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

/// A sink of a stated capacity takes so many events and refuses more with [`Full`](SinkErrorKind::Full); what it took
/// stays.
///
/// # Panics
/// The sink does not hold to it.
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
        let good = event(1, number);
        system.send(&good).await;
        sent.push(good);
    }
    system.expect_stored(&sent).await;
}

/// Sends an event that the sink must refuse, and certainly not send.
pub(super) async fn expect_rejection(sink: &dyn DriverEventSink, envelope: &Envelope, kind: SinkErrorKind) {
    match sink.send(envelope.clone()).await {
        Ok(receipt) => panic!("{} must be refused as {kind:?}, but: {receipt:?}", short(envelope)),
        Err(error) => {
            assert_eq!(
                error.kind(),
                kind,
                "{} must be refused so, but: {error:?}",
                short(envelope)
            );
            assert_eq!(error.fate(), Fate::NotSent, "what is refused as {kind:?} was not sent");
        }
    }
}

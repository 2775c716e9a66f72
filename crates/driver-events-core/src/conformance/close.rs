use std::sync::Arc;

use futures_util::future::join;

use super::fixture::Fixture;
use super::rejection::expect_rejection;
use super::samples;
use super::system_under_test::{SystemUnderTest, event, events};
use crate::sink::sink_error::{Fate, SinkErrorKind};

/// Checks that all accepted events are stored after `flush`, and that `flush` may be called with nothing to flush, and
/// repeatedly.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn flushes(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    system.flush().await;
    let mut sent = Vec::new();
    for number in 0..3 {
        for part in 0..5 {
            let envelope = event(1, number * 5 + part);
            system.send(&envelope).await;
            sent.push(envelope);
        }
        system.expect_stored(&sent).await;
    }
    system.flush().await;
    system.expect_stored(&sent).await;
}

/// Checks that `close` flushes, that it may be called repeatedly and concurrently, and that the sink then rejects events
/// if its capabilities say so.
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn closes(fixture: &impl Fixture) {
    let unused = SystemUnderTest::start(fixture).await;
    close(&unused).await;

    let system = SystemUnderTest::start(fixture).await;
    let mut sent = events(1, 0..20);
    system.send_batch(&sent).await;
    let (first, second) = join(system.sink.close(), system.sink.close()).await;
    assert!(first.is_ok() && second.is_ok(), "close failed: {first:?}, {second:?}");
    system.expect_stored_without_flush(&sent).await;
    close(&system).await;

    let late = event(1, 20);
    if system.capabilities.rejects_after_close {
        expect_rejection(&*system.sink, &late, SinkErrorKind::Closed).await;
        let results = system.sink.send_batch(vec![late.clone(), late]).await;
        let kinds: Vec<_> = results
            .iter()
            .map(|result| result.as_ref().map_err(|error| error.kind()))
            .collect();
        let closed = Err(SinkErrorKind::Closed);
        assert_eq!(kinds, [closed, closed], "unexpected results after close");
        let published = system.sink.publish(samples::numbered(samples::goal(1), 21)).await;
        let kind = published.map_err(|error| error.kind());
        assert_eq!(
            kind,
            Err(SinkErrorKind::Closed),
            "unexpected result of publish after close"
        );
    } else {
        system.send(&late).await;
        sent.push(late);
    }
    system.expect_stored(&sent).await;
}

/// Checks that `close` during concurrent sends stores all accepted events. A rejected event may be stored only if the fate
/// of its error is [`Unknown`](Fate::Unknown).
///
/// # Panics
/// Panics if the sink violates this property.
pub async fn closes_during_sends(fixture: &impl Fixture) {
    let system = SystemUnderTest::start(fixture).await;
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let sink = Arc::clone(&system.sink);
            tokio::spawn(async move {
                let (mut accepted, mut unknown_fate) = (Vec::new(), None);
                for number in 0..100 {
                    let envelope = event(task, number);
                    match sink.send(envelope.clone()).await {
                        Ok(_) => accepted.push(envelope),
                        Err(error) => {
                            assert_eq!(error.kind(), SinkErrorKind::Closed, "{error:?}");
                            unknown_fate = (error.fate() != Fate::NotSent).then_some(envelope);
                            break;
                        }
                    }
                    tokio::task::yield_now().await;
                }
                (accepted, unknown_fate)
            })
        })
        .collect();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    close(&system).await;
    let (mut accepted, mut unknown_fate) = (Vec::new(), Vec::new());
    for task in tasks {
        match task.await {
            Ok((envelopes, last)) => {
                accepted.extend(envelopes);
                unknown_fate.extend(last);
            }
            Err(error) => panic!("sending task failed: {error}"),
        }
    }
    if !system.capabilities.rejects_after_close {
        system.flush().await;
    }
    system.expect_stored_and_maybe(&accepted, &unknown_fate).await;
}

async fn close(system: &SystemUnderTest<'_, impl Fixture>) {
    if let Err(error) = system.sink.close().await {
        panic!("close failed: {error:?}");
    }
}

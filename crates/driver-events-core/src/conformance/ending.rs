use std::sync::Arc;

use futures_util::future::join;

use super::refusal::expect_refusal;
use super::subject::{Subject, event, events};
use super::{Fixture, samples};
use crate::{Fate, SinkErrorKind};

/// After `flush` everything that was taken can be read. It may be called with nothing to do, and again.
///
/// # Panics
/// The sink does not hold to it.
pub async fn flushes(fixture: &impl Fixture) {
    let subject = Subject::start(fixture).await;
    subject.flush().await;
    let mut sent = Vec::new();
    for number in 0..3 {
        for part in 0..5 {
            let envelope = event(1, number * 5 + part);
            subject.send(&envelope).await;
            sent.push(envelope);
        }
        subject.expect_stored(&sent).await;
    }
    subject.flush().await;
    subject.expect_stored(&sent).await;
}

/// `close` flushes, may be called again and at once, and a sink that says so refuses what comes afterwards.
///
/// # Panics
/// The sink does not hold to it.
pub async fn closes(fixture: &impl Fixture) {
    let unused = Subject::start(fixture).await;
    close(&unused).await;

    let subject = Subject::start(fixture).await;
    let mut sent = events(1, 0..20);
    subject.send_batch(&sent).await;
    let (first, second) = join(subject.sink.close(), subject.sink.close()).await;
    assert!(
        first.is_ok() && second.is_ok(),
        "close must be Ok, but: {first:?}, {second:?}"
    );
    subject.expect_stored_without_flush(&sent).await;
    close(&subject).await;

    let late = event(1, 20);
    if subject.capabilities.closes {
        expect_refusal(&*subject.sink, &late, SinkErrorKind::Closed).await;
        let results = subject.sink.send_batch(vec![late.clone(), late]).await;
        let kinds: Vec<_> = results
            .iter()
            .map(|result| result.as_ref().map_err(|error| error.kind()))
            .collect();
        let closed = Err(SinkErrorKind::Closed);
        assert_eq!(kinds, [closed, closed], "what comes after close must be refused");
        let published = subject.sink.publish(samples::numbered(samples::goal(1), 21)).await;
        assert!(published.is_err(), "what comes after close must be refused");
    } else {
        subject.send(&late).await;
        sent.push(late);
    }
    subject.expect_stored(&sent).await;
}

/// What was taken is stored, also when `close` is called while tasks send. What was refused is not, unless its error says
/// that it may be.
///
/// # Panics
/// The sink does not hold to it.
pub async fn closes_while_tasks_send(fixture: &impl Fixture) {
    let subject = Subject::start(fixture).await;
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let sink = Arc::clone(&subject.sink);
            tokio::spawn(async move {
                let (mut taken, mut unsure) = (Vec::new(), None);
                for number in 0..100 {
                    let envelope = event(task, number);
                    match sink.send(envelope.clone()).await {
                        Ok(_) => taken.push(envelope),
                        Err(error) => {
                            assert_eq!(error.kind(), SinkErrorKind::Closed, "{error:?}");
                            unsure = (error.fate() != Fate::NotSent).then_some(envelope);
                            break;
                        }
                    }
                    tokio::task::yield_now().await;
                }
                (taken, unsure)
            })
        })
        .collect();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    close(&subject).await;
    let (mut taken, mut unsure) = (Vec::new(), Vec::new());
    for task in tasks {
        match task.await {
            Ok((envelopes, last)) => {
                taken.extend(envelopes);
                unsure.extend(last);
            }
            Err(error) => panic!("a task that sent failed: {error}"),
        }
    }
    if !subject.capabilities.closes {
        subject.flush().await;
    }
    subject.expect_stored_and_maybe(&taken, &unsure).await;
}

async fn close(subject: &Subject<'_, impl Fixture>) {
    if let Err(error) = subject.sink.close().await {
        panic!("close must be Ok, but: {error:?}");
    }
}

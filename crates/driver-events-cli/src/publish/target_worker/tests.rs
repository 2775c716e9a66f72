use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use driver_events::{DriverEventSink, Guarantee, Options, Receipt, SinkUrl};

use super::*;
use crate::signals::Shutdown;

/// Sink that returns the scripted errors, then `Ok`, and records the ids of accepted events.
#[derive(Debug, Default)]
struct ScriptedSink {
    sends: Mutex<Vec<Option<SinkErrorKind>>>,
    flushes: Mutex<Vec<Option<SinkErrorKind>>>,
    accepted: Mutex<Vec<String>>,
    omits_last_result: bool,
    loses_unflushed: bool,
}

impl ScriptedSink {
    fn next_result(script: &Mutex<Vec<Option<SinkErrorKind>>>) -> Result<(), SinkError> {
        let mut script = script.lock().unwrap();
        let failure = if script.is_empty() { None } else { script.remove(0) };
        failure.map_or(Ok(()), |kind| Err(SinkError::new(kind, format!("{kind:?}"))))
    }
}

#[async_trait]
impl DriverEventSink for ScriptedSink {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        Self::next_result(&self.sends)?;
        self.accepted.lock().unwrap().push(envelope.id().to_string());
        Ok(Receipt::Buffered)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Buffered
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let mut results = Vec::new();
        for envelope in envelopes {
            results.push(self.send(envelope).await);
        }
        if self.omits_last_result {
            results.pop();
        }
        results
    }

    async fn flush(&self) -> Result<(), SinkError> {
        Self::next_result(&self.flushes)
    }
}

/// Result of delivering the events `a`, `b` and `c`.
struct Outcome {
    accepted: String,
    rejected: Vec<usize>,
    is_open: bool,
    last_confirmed: Option<u64>,
    summary: String,
}

async fn deliver_three(sink: ScriptedSink) -> Outcome {
    let retains_unflushed = !sink.loses_unflushed;
    let sink = Arc::new(sink);
    let target = Target::parse("stdout:".as_ref()).unwrap();
    let url = SinkUrl::parse("stdout:").unwrap();
    let mut opened = url.open(&Options::default()).await.unwrap();
    opened.sink = Arc::clone(&sink) as Arc<dyn DriverEventSink>;
    opened.retains_unflushed = retains_unflushed;
    let mut worker = TargetWorker::new(target, opened, false, Report::new());
    let lines = [(1, "a"), (2, "b"), (3, "c")].map(|(line, id)| Line {
        envelope: Envelope::from_json(
            &br#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#[..],
        )
        .unwrap()
        .with_id(driver_events::EventId::new(id).unwrap()),
        position: Position::Line {
            name: "-".into(),
            line,
            offset: 0,
        },
        raw: Bytes::new(),
    });
    let retry_policy = RetryPolicy {
        timeout: Duration::from_secs(300),
        shutdown: Shutdown::listen().unwrap(),
    };
    let rejections = worker.deliver(&lines, &retry_policy).await;
    let accepted = sink.accepted.lock().unwrap().concat();
    Outcome {
        accepted,
        rejected: rejections.iter().map(|rejection| rejection.index).collect(),
        is_open: worker.is_open(),
        last_confirmed: worker.last_confirmed(),
        summary: worker.summary(0),
    }
}

fn failing_sends(failures: &[Option<SinkErrorKind>]) -> ScriptedSink {
    ScriptedSink {
        sends: Mutex::new(failures.to_vec()),
        ..ScriptedSink::default()
    }
}

#[tokio::test(start_paused = true)]
async fn transient_failure_is_retried() {
    use SinkErrorKind::{Disconnected, Full, Timeout};
    let outcome = deliver_three(failing_sends(&[
        Some(Full),
        Some(Timeout),
        Some(Disconnected),
        Some(Full),
    ]))
    .await;
    assert_eq!((outcome.accepted.as_str(), outcome.is_open), ("bca", true));
    assert_eq!(outcome.summary, "3 events delivered to stdout:");

    let outcome = deliver_three(failing_sends(&[Some(Full); 30])).await;
    assert_eq!((outcome.accepted.as_str(), outcome.is_open), ("abc", true));
}

/// The timeout applies to a target that accepts nothing, not to a slow one.
#[tokio::test(start_paused = true)]
async fn accepted_event_restarts_the_timeout() {
    let started = tokio::time::Instant::now();
    let mut script = Vec::new();
    for pending in [3, 2, 1] {
        script.extend(vec![Some(SinkErrorKind::Full); pending * 100]);
        // The first pending event is accepted, the others are not.
        script.push(None);
        script.extend(vec![Some(SinkErrorKind::Full); pending - 1]);
    }
    let outcome = deliver_three(failing_sends(&script)).await;
    assert_eq!((outcome.accepted.as_str(), outcome.is_open), ("abc", true));
    assert!(started.elapsed() > Duration::from_secs(300));
}

/// The sink retains unflushed events, so they are not sent again.
#[tokio::test(start_paused = true)]
async fn failed_flush_is_retried_without_resending() {
    let sink = ScriptedSink {
        flushes: Mutex::new(vec![Some(SinkErrorKind::Full), Some(SinkErrorKind::Disconnected)]),
        ..ScriptedSink::default()
    };
    let outcome = deliver_three(sink).await;
    assert_eq!((outcome.accepted.as_str(), outcome.is_open), ("abc", true));
    assert_eq!(outcome.summary, "3 events delivered to stdout:");
}

/// A rejected event is not sent again. After a timeout the sink still retains the events; after a disconnect it does not.
#[tokio::test(start_paused = true)]
async fn events_lost_by_a_disconnect_are_resent() {
    use SinkErrorKind::{Disconnected, Rejected, Timeout};
    let sink = ScriptedSink {
        sends: Mutex::new(vec![None, Some(Rejected)]),
        flushes: Mutex::new(vec![Some(Timeout), Some(Disconnected), Some(Disconnected)]),
        loses_unflushed: true,
        ..ScriptedSink::default()
    };
    let outcome = deliver_three(sink).await;
    assert_eq!((outcome.accepted.as_str(), outcome.is_open), ("acacac", true));
    assert_eq!(outcome.rejected, [1]);
    assert_eq!(outcome.summary, "2 events delivered to stdout:, 1 line rejected");

    let sink = ScriptedSink {
        flushes: Mutex::new(vec![Some(Disconnected); 10_000]),
        loses_unflushed: true,
        ..ScriptedSink::default()
    };
    let outcome = deliver_three(sink).await;
    assert!(!outcome.is_open);
    assert_eq!(outcome.summary, "0 events delivered to stdout:, 3 unconfirmed");
}

#[tokio::test(start_paused = true)]
async fn worker_gives_up_after_the_timeout() {
    let outcome = deliver_three(failing_sends(&[Some(SinkErrorKind::Disconnected); 10_000])).await;
    assert_eq!((outcome.accepted.as_str(), outcome.is_open), ("", false));
    assert_eq!(outcome.summary, "0 events delivered to stdout:, 3 unconfirmed");

    let sink = ScriptedSink {
        flushes: Mutex::new(vec![Some(SinkErrorKind::Full); 10_000]),
        ..ScriptedSink::default()
    };
    let outcome = deliver_three(sink).await;
    assert_eq!((outcome.accepted.as_str(), outcome.is_open), ("abc", false));
    assert_eq!(outcome.summary, "0 events delivered to stdout:, 3 unconfirmed");
}

#[tokio::test(start_paused = true)]
async fn rejected_event_does_not_stop_the_others() {
    use SinkErrorKind::{Encode, Rejected, TooLarge};
    for kind in [Encode, Rejected, TooLarge] {
        let outcome = deliver_three(failing_sends(&[None, Some(kind)])).await;
        assert_eq!(
            (outcome.accepted.as_str(), outcome.rejected, outcome.is_open),
            ("ac", vec![1], true)
        );
        assert_eq!(outcome.summary, "2 events delivered to stdout:, 1 line rejected");
    }
}

/// Events accepted before the failure count as delivered once they are flushed.
#[tokio::test(start_paused = true)]
async fn fatal_error_stops_the_worker_at_once() {
    use SinkErrorKind::{Closed, Fatal, Unauthorized};
    for kind in [Closed, Fatal, Unauthorized] {
        let outcome = deliver_three(failing_sends(&[None, Some(kind), Some(kind)])).await;
        assert_eq!((outcome.accepted.as_str(), outcome.is_open), ("a", false));
        assert_eq!(outcome.summary, "1 event delivered to stdout:, 2 unconfirmed");
    }
}

#[tokio::test(start_paused = true)]
async fn missing_result_stops_the_worker() {
    let sink = ScriptedSink {
        omits_last_result: true,
        ..ScriptedSink::default()
    };
    let outcome = deliver_three(sink).await;
    assert!(!outcome.is_open);
    assert_eq!(outcome.summary, "2 events delivered to stdout:, 1 unconfirmed");
}

/// Later events of a batch may be delivered although an earlier one is not.
#[tokio::test(start_paused = true)]
async fn last_confirmed_line_precedes_the_first_unconfirmed_one() {
    let fatal = Some(SinkErrorKind::Fatal);
    for (failures, last_confirmed) in [
        (&[fatal][..], Some(0)),
        (&[None, fatal], Some(1)),
        (&[None, None, fatal], Some(2)),
        (&[], None),
    ] {
        let outcome = deliver_three(failing_sends(failures)).await;
        assert_eq!(outcome.last_confirmed, last_confirmed, "{failures:?}");
    }
    let outcome = deliver_three(failing_sends(&[fatal])).await;
    assert_eq!(outcome.summary, "2 events delivered to stdout:, 1 unconfirmed");
}

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use driver_events_core::Receipt;

use super::*;
use crate::signals::Stop;

/// Answers as the script says, then with `Ok`, and keeps the reasons of the events that it took.
#[derive(Debug, Default)]
struct Scripted {
    sends: Mutex<Vec<Option<SinkErrorKind>>>,
    flushes: Mutex<Vec<Option<SinkErrorKind>>>,
    taken: Mutex<Vec<String>>,
    forgets_the_last: bool,
    forgets_unflushed: bool,
}

impl Scripted {
    fn answer(script: &Mutex<Vec<Option<SinkErrorKind>>>) -> Result<(), SinkError> {
        let mut script = script.lock().unwrap();
        let answer = if script.is_empty() { None } else { script.remove(0) };
        answer.map_or(Ok(()), |kind| Err(SinkError::new(kind, format!("{kind:?}"))))
    }
}

#[async_trait]
impl DriverEventSink for Scripted {
    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        Self::answer(&self.sends)?;
        self.taken.lock().unwrap().push(envelope.id().to_string());
        Ok(Receipt::Buffered)
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let mut results = Vec::new();
        for envelope in envelopes {
            results.push(self.send(envelope).await);
        }
        if self.forgets_the_last {
            results.pop();
        }
        results
    }

    async fn flush(&self) -> Result<(), SinkError> {
        Self::answer(&self.flushes)
    }
}

/// What became of three events.
struct Outcome {
    taken: String,
    refused: Vec<usize>,
    is_open: bool,
    summary: String,
}

async fn deliver_three(sink: Scripted) -> Outcome {
    let holds_unflushed = !sink.forgets_unflushed;
    let sink = Arc::new(sink);
    let target = Target::parse("stdout:".as_ref()).unwrap();
    let mut lane = Lane::new(
        target,
        Opened {
            holds_unflushed,
            ..Opened::new(Arc::clone(&sink) as Arc<dyn DriverEventSink>)
        },
        false,
        Report::new(),
    );
    let lines = ["a", "b", "c"].map(|id| Line {
        envelope: Envelope::from_json(
            &br#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#[..],
        )
        .unwrap()
        .with_id(driver_events_core::EventId::new(id).unwrap()),
        position: Position::Line {
            name: "-".into(),
            line: 1,
            offset: 0,
        },
        raw: Bytes::new(),
    });
    let patience = Patience {
        timeout: Duration::from_secs(300),
        stop: Stop::listen().unwrap(),
    };
    let refusals = lane.deliver(&lines, &patience).await;
    let taken = sink.taken.lock().unwrap().concat();
    Outcome {
        taken,
        refused: refusals.iter().map(|refusal| refusal.index).collect(),
        is_open: lane.is_open(),
        summary: lane.summary(0),
    }
}

fn sends(answers: &[Option<SinkErrorKind>]) -> Scripted {
    Scripted {
        sends: Mutex::new(answers.to_vec()),
        ..Scripted::default()
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_now_is_sent_again() {
    use SinkErrorKind::{Disconnected, Full, Timeout};
    let outcome = deliver_three(sends(&[Some(Full), Some(Timeout), Some(Disconnected), Some(Full)])).await;
    assert_eq!((outcome.taken.as_str(), outcome.is_open), ("bca", true));
    assert_eq!(outcome.summary, "3 events delivered to stdout:");

    let outcome = deliver_three(sends(&[Some(Full); 30])).await;
    assert_eq!((outcome.taken.as_str(), outcome.is_open), ("abc", true));
}

/// The patience is for a target that takes nothing, not for one that is slow.
#[tokio::test(start_paused = true)]
async fn each_event_that_goes_through_renews_the_patience() {
    let begun = tokio::time::Instant::now();
    let mut script = Vec::new();
    for waiting in [3, 2, 1] {
        script.extend(vec![Some(SinkErrorKind::Full); waiting * 100]);
        // The first goes through, those behind it do not.
        script.push(None);
        script.extend(vec![Some(SinkErrorKind::Full); waiting - 1]);
    }
    let outcome = deliver_three(sends(&script)).await;
    assert_eq!((outcome.taken.as_str(), outcome.is_open), ("abc", true));
    assert!(begun.elapsed() > Duration::from_secs(300));
}

/// What was accepted is not sent again when the flush fails: the sink holds it.
#[tokio::test(start_paused = true)]
async fn a_flush_that_fails_for_now_is_tried_again_without_sending() {
    let sink = Scripted {
        flushes: Mutex::new(vec![Some(SinkErrorKind::Full), Some(SinkErrorKind::Disconnected)]),
        ..Scripted::default()
    };
    let outcome = deliver_three(sink).await;
    assert_eq!((outcome.taken.as_str(), outcome.is_open), ("abc", true));
    assert_eq!(outcome.summary, "3 events delivered to stdout:");
}

/// What was refused is not sent again, and refused once. Where there was no answer in time, the next flush has it.
#[tokio::test(start_paused = true)]
async fn what_a_flush_may_have_lost_is_sent_again_where_the_sink_does_not_hold_it() {
    use SinkErrorKind::{Disconnected, Rejected, Timeout};
    let sink = Scripted {
        sends: Mutex::new(vec![None, Some(Rejected)]),
        flushes: Mutex::new(vec![Some(Timeout), Some(Disconnected), Some(Disconnected)]),
        forgets_unflushed: true,
        ..Scripted::default()
    };
    let outcome = deliver_three(sink).await;
    assert_eq!((outcome.taken.as_str(), outcome.is_open), ("acacac", true));
    assert_eq!(outcome.refused, [1]);
    assert_eq!(outcome.summary, "2 events delivered to stdout:, 1 line rejected");

    let sink = Scripted {
        flushes: Mutex::new(vec![Some(Disconnected); 10_000]),
        forgets_unflushed: true,
        ..Scripted::default()
    };
    let outcome = deliver_three(sink).await;
    assert!(!outcome.is_open);
    assert_eq!(
        outcome.summary,
        "0 events delivered to stdout:, 3 not known to be delivered"
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_that_never_recovers_is_given_up() {
    let outcome = deliver_three(sends(&[Some(SinkErrorKind::Disconnected); 10_000])).await;
    assert_eq!((outcome.taken.as_str(), outcome.is_open), ("", false));
    assert_eq!(
        outcome.summary,
        "0 events delivered to stdout:, 3 not known to be delivered"
    );

    let sink = Scripted {
        flushes: Mutex::new(vec![Some(SinkErrorKind::Full); 10_000]),
        ..Scripted::default()
    };
    let outcome = deliver_three(sink).await;
    assert_eq!((outcome.taken.as_str(), outcome.is_open), ("abc", false));
    assert_eq!(
        outcome.summary,
        "0 events delivered to stdout:, 3 not known to be delivered"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_not_sent_again_and_stops_nobody() {
    use SinkErrorKind::{Encode, Rejected, TooLarge};
    for kind in [Encode, Rejected, TooLarge] {
        let outcome = deliver_three(sends(&[None, Some(kind)])).await;
        assert_eq!(
            (outcome.taken.as_str(), outcome.refused, outcome.is_open),
            ("ac", vec![1], true)
        );
        assert_eq!(outcome.summary, "2 events delivered to stdout:, 1 line rejected");
    }
}

/// What was accepted before counts once it is flushed.
#[tokio::test(start_paused = true)]
async fn a_broken_sink_is_given_up_at_once() {
    use SinkErrorKind::{Closed, Fatal, Unauthorized};
    for kind in [Closed, Fatal, Unauthorized] {
        let outcome = deliver_three(sends(&[None, Some(kind), Some(kind)])).await;
        assert_eq!((outcome.taken.as_str(), outcome.is_open), ("a", false));
        assert_eq!(
            outcome.summary,
            "1 event delivered to stdout:, 2 not known to be delivered"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_does_not_answer_for_each_event_is_given_up() {
    let sink = Scripted {
        forgets_the_last: true,
        ..Scripted::default()
    };
    let outcome = deliver_three(sink).await;
    assert!(!outcome.is_open);
    assert_eq!(
        outcome.summary,
        "2 events delivered to stdout:, 1 not known to be delivered"
    );
}

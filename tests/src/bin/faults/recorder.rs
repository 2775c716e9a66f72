//! Records every event that a scenario sends, and the results of the sink's calls.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use driver_events_core::{Fate, Receipt, SinkError, SinkErrorKind};

use crate::event::Event;

/// The events of one scenario in one round, and the results of the calls that sent them.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Recorded>);

#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) outcomes: HashMap<Event, Outcome>,
    /// Positions in the receipts of acknowledged events.
    pub(crate) offsets: HashMap<Event, u64>,
    /// Events with a failed call, and how many of the failed calls may have stored the event.
    pub(crate) failed_attempts: HashMap<Event, u32>,
    /// The sink's counter of possible duplicates. `None` if the server deduplicates.
    pub(crate) possible_duplicates: Option<u64>,
    /// Events passed to calls, counted once per attempt.
    pub(crate) attempts: u64,
    pub(crate) acknowledged: u64,
    /// Acks that reported the event as already stored.
    pub(crate) duplicate_acks: u64,
    pub(crate) errors: HashMap<SinkErrorKind, u64>,
    pub(crate) failed_flushes: Vec<FailedFlush>,
    pub(crate) longest_call: Duration,
}

/// The outcome of an event over all attempts to send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// No attempt can have stored the event.
    NotSent,
    /// An attempt may have stored the event.
    Unknown,
    /// The event is stored.
    Acknowledged,
}

#[derive(Clone, Debug)]
pub(crate) struct FailedFlush {
    /// The events sent since the flush before.
    pub(crate) events: Vec<Event>,
    /// The number of events that the error reports as at risk.
    pub(crate) at_risk: u64,
    /// The number of events that the error reports as rejected by the server. A lower bound: the client drops errors of the
    /// server while its event queue is full.
    pub(crate) rejected: u64,
}

impl Recorded {
    /// Returns how many events failed flushes reported as at risk.
    pub(crate) fn at_risk(&self) -> u64 {
        self.failed_flushes.iter().map(|flush| flush.at_risk).sum()
    }

    /// Returns how many events failed flushes reported as rejected by the server.
    pub(crate) fn rejected(&self) -> u64 {
        self.failed_flushes.iter().map(|flush| flush.rejected).sum()
    }

    /// Returns the largest number of duplicates that the sink's counter and the errors of calls allow.
    pub(crate) fn possible_duplicates(&self) -> u64 {
        let of_callers = || {
            self.failed_attempts
                .keys()
                .map(|event| u64::from(self.extra_copies(event)))
                .sum::<u64>()
        };
        self.possible_duplicates.map_or(0, |of_sink| of_sink + of_callers())
    }

    /// Returns how many copies beyond the first the attempts to send this event may have stored.
    pub(crate) fn extra_copies(&self, event: &Event) -> u32 {
        let may_have_stored = self.failed_attempts.get(event).copied().unwrap_or(0);
        match self.outcomes.get(event) {
            Some(Outcome::Acknowledged) => may_have_stored,
            _ => may_have_stored.saturating_sub(1),
        }
    }

    /// Removes the stored events, after a scenario deleted them on purpose.
    pub(crate) fn forget_stored(&mut self) {
        self.outcomes.retain(|_, outcome| *outcome == Outcome::NotSent);
        self.offsets.clear();
        self.acknowledged = 0;
    }
}

impl Recorder {
    pub(crate) fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.recorded().acknowledged
    }

    /// Records that this many events are passed to a call.
    pub(crate) fn record_attempts(&self, events: usize) {
        self.recorded().attempts += events as u64;
    }

    /// Records the result of one attempt to send an event.
    pub(crate) fn record_result(&self, event: Event, result: &Result<Receipt, SinkError>) {
        let mut recorded = self.recorded();
        let before = *recorded.outcomes.entry(event).or_insert(Outcome::NotSent);
        let outcome = match result {
            Ok(Receipt::Stored(stored)) => {
                recorded.duplicate_acks += u64::from(stored.duplicate);
                recorded.offsets.insert(event, stored.offset);
                Outcome::Acknowledged
            }
            // The next flush decides.
            Ok(_) => Outcome::Unknown,
            Err(error) => {
                *recorded.errors.entry(error.kind()).or_default() += 1;
                let may_be_stored = error.fate() != Fate::NotSent;
                *recorded.failed_attempts.entry(event).or_default() += u32::from(may_be_stored);
                if may_be_stored { Outcome::Unknown } else { before }
            }
        };
        recorded.acknowledged += u64::from(outcome == Outcome::Acknowledged);
        recorded.outcomes.insert(event, outcome);
    }

    /// Records the result of a flush that covers `events`: all events sent since the flush before.
    pub(crate) fn record_flush(&self, events: &[Event], result: &Result<(), SinkError>) {
        let mut recorded = self.recorded();
        match result {
            Ok(()) => {
                for event in events {
                    let outcome = recorded.outcomes.get_mut(event);
                    if let Some(outcome) = outcome.filter(|outcome| **outcome == Outcome::Unknown) {
                        *outcome = Outcome::Acknowledged;
                        recorded.acknowledged += 1;
                    }
                }
            }
            Err(error) => {
                *recorded.errors.entry(error.kind()).or_default() += 1;
                let text = error.to_string();
                recorded.failed_flushes.push(FailedFlush {
                    events: events.to_vec(),
                    at_risk: number_after(&text, "connection to NATS was lost: "),
                    rejected: number_after(&text, "server rejected at least "),
                });
            }
        }
    }

    /// Records how long a call took.
    pub(crate) fn record_duration(&self, duration: Duration) {
        let mut recorded = self.recorded();
        recorded.longest_call = recorded.longest_call.max(duration);
    }
}

/// Returns the number that follows `phrase` in an error text, or 0.
fn number_after(text: &str, phrase: &str) -> u64 {
    let number = text.split(phrase).nth(1).and_then(|rest| rest.split(' ').next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use driver_events_core::{SinkError, SinkErrorKind};

    use super::Recorder;

    #[test]
    fn flush_errors_are_counted_as_at_risk_or_rejected() {
        let recorder = Recorder::default();
        let flush = |kind, text: &str| recorder.record_flush(&[], &Err(SinkError::new(kind, text)));
        let lost = "the connection to NATS was lost: 5 events at risk";
        let rejected = "the server rejected at least 7 events, for example on `a.b`: grant permission to publish";
        flush(SinkErrorKind::Disconnected, lost);
        flush(SinkErrorKind::Unauthorized, rejected);
        flush(SinkErrorKind::Unauthorized, &format!("{lost}; {rejected}"));
        let recorded = recorder.recorded();
        assert_eq!((recorded.at_risk(), recorded.rejected()), (10, 14));
    }
}

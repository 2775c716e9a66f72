use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use driver_events_core::{Fate, Receipt, SinkError, SinkErrorKind};

use crate::event::Event;

/// What was sent, and what the sink said of it.
#[derive(Debug, Default)]
pub(crate) struct Account(Mutex<Entries>);

#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) events: HashMap<Event, Word>,
    /// Events for which a call failed, so that they were sent again, and how many of those calls may have stored it.
    pub(crate) failed: HashMap<Event, u32>,
    /// How many events the sink counted that may be stored twice; none where servers know what they have already.
    pub(crate) possible_duplicates: Option<u64>,
    /// How many events were given to calls, each time that they were.
    pub(crate) given: u64,
    pub(crate) acknowledged: u64,
    /// Of those, how many the stream had already.
    pub(crate) duplicates: u64,
    pub(crate) errors: HashMap<SinkErrorKind, u64>,
    /// The events that each failed flush was to cover, and how many of them it told to be at risk.
    pub(crate) risks: Vec<(Vec<Event>, u64)>,
    pub(crate) longest: Duration,
}

/// The sink's last word on an event, over all calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// It was certainly not sent.
    NotSent,
    /// It may have arrived.
    Unknown,
    /// It is safe.
    Acknowledged,
}

impl Entries {
    /// How many events failed flushes told to be at risk.
    pub(crate) fn at_risk(&self) -> u64 {
        self.risks.iter().map(|(_, at_risk)| at_risk).sum()
    }

    /// How many copies more than one there may be, by what the calls said and what the sink counted.
    pub(crate) fn possible_duplicates(&self) -> u64 {
        let of_callers = || {
            self.failed
                .keys()
                .map(|event| u64::from(self.more_copies(event)))
                .sum::<u64>()
        };
        self.possible_duplicates.map_or(0, |of_sink| of_sink + of_callers())
    }

    /// How many copies more than one the calls for this event may have stored.
    pub(crate) fn more_copies(&self, event: &Event) -> u32 {
        let may_have_stored = self.failed.get(event).copied().unwrap_or(0);
        match self.events.get(event) {
            Some(Word::Acknowledged) => may_have_stored,
            _ => may_have_stored.saturating_sub(1),
        }
    }

    /// What was stored so far was deleted on purpose.
    pub(crate) fn forget_events(&mut self) {
        self.events.retain(|_, word| *word == Word::NotSent);
        self.acknowledged = 0;
    }
}

impl Account {
    pub(crate) fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.entries().acknowledged
    }

    /// So many events are given to a call.
    pub(crate) fn gives(&self, events: usize) {
        self.entries().given += events as u64;
    }

    /// Takes note of what one call said of an event, and whether the event was sent in an earlier call makes no
    /// difference to what it says.
    pub(crate) fn answered(&self, event: Event, answer: &Result<Receipt, SinkError>) {
        let mut entries = self.entries();
        let before = *entries.events.entry(event).or_insert(Word::NotSent);
        let word = match answer {
            Ok(Receipt::Stored(stored)) => {
                entries.duplicates += u64::from(stored.duplicate);
                Word::Acknowledged
            }
            // Whether it is safe, a flush will say.
            Ok(_) => Word::Unknown,
            Err(error) => {
                *entries.errors.entry(error.kind()).or_default() += 1;
                let word = match error.fate() {
                    Fate::NotSent => before,
                    _ => Word::Unknown,
                };
                *entries.failed.entry(event).or_default() += u32::from(error.fate() != Fate::NotSent);
                word
            }
        };
        entries.acknowledged += u64::from(word == Word::Acknowledged);
        entries.events.insert(event, word);
    }

    /// A flush returned: these were sent before, and after the flush before it.
    pub(crate) fn flushed(&self, events: &[Event], answer: &Result<(), SinkError>) {
        let mut entries = self.entries();
        match answer {
            Ok(()) => {
                for event in events {
                    if let Some(word) = entries.events.get_mut(event).filter(|word| **word == Word::Unknown) {
                        *word = Word::Acknowledged;
                        entries.acknowledged += 1;
                    }
                }
            }
            Err(error) => {
                *entries.errors.entry(error.kind()).or_default() += 1;
                let told = error.to_string();
                let at_risk = told.split(' ').find_map(|word| word.parse().ok()).unwrap_or(0);
                entries.risks.push((events.to_vec(), at_risk));
            }
        }
    }

    /// A call took so long.
    pub(crate) fn took(&self, time: Duration) {
        let mut entries = self.entries();
        entries.longest = entries.longest.max(time);
    }
}

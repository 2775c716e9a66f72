//! What was published, and what the source under test made of it.

use std::collections::HashMap;

use driver_events_core::{Delivery, Position};

use crate::event::Event;
use crate::row::Row;

/// What a source must make of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// Deliver the event, once and in order.
    Event(Event),
    /// Deliver it as malformed.
    Malformed,
    /// Pass over it: it is no event, and nobody's mistake.
    Nothing,
}

/// The published messages by position, and the deliveries so far.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// `None` once the message was delivered.
    expected: HashMap<Position, Option<Expected>>,
    /// Messages that are not delivered yet, without those to be passed over.
    undelivered: usize,
    last_numbers: HashMap<u32, u32>,
    hostile: u64,
    delivered: u64,
    reported: u64,
    again: u64,
    out_of_order: u64,
    wrong: Vec<String>,
}

impl Ledger {
    pub(super) fn publish(&mut self, position: Position, expected: Expected) {
        self.undelivered += usize::from(expected != Expected::Nothing);
        self.hostile += u64::from(!matches!(expected, Expected::Event(_)));
        self.expected.insert(position, Some(expected));
    }

    /// Compares a delivery with the message at its position. Returns whether it is the first one.
    pub(super) fn deliver(&mut self, delivery: &Delivery) -> bool {
        let position = delivery.position();
        let Some(expected) = self.expected.get_mut(position) else {
            self.wrong.push(format!("{position} was not published"));
            return true;
        };
        let Some(expected) = expected.take() else {
            self.again += 1;
            return false;
        };
        let content = delivery.envelope();
        match (expected, content) {
            (Expected::Malformed, Err(_)) => self.reported += 1,
            (Expected::Event(event), Ok(envelope)) if envelope.json().is_ok_and(|json| is_event(json, event)) => {
                self.delivered += 1;
                let last = self.last_numbers.entry(event.goal).or_insert(event.number);
                self.out_of_order += u64::from(event.number < *last);
                *last = event.number.max(*last);
            }
            _ => {
                let content = content.map_or_else(|malformed| malformed.reason().to_owned(), |_| "an event".to_owned());
                self.wrong
                    .push(format!("{position}: expected {expected:?}, got {content}"));
            }
        }
        if expected != Expected::Nothing {
            self.undelivered -= 1;
        }
        true
    }

    /// Returns whether every event and every malformed message was delivered.
    pub(super) fn is_complete(&self) -> bool {
        self.undelivered == 0
    }

    /// Adds the counts to the row, and checks them.
    pub(super) fn add_to(self, row: &mut Row) {
        let missing = |is_missing: fn(&Expected) -> bool| {
            let missing = self.expected.values().flatten().filter(|expected| is_missing(expected));
            missing.count() as u64
        };
        let lost = missing(|expected| matches!(expected, Expected::Event(_)));
        let unreported = missing(|expected| *expected == Expected::Malformed);
        row.sent += self.delivered + lost;
        row.verdict.stored += self.delivered;
        row.verdict.lost += lost;
        row.verdict.duplicates += self.again;
        row.verdict.out_of_order += self.out_of_order;
        row.hostile += self.hostile;
        row.reported += self.reported;
        row.check(lost == 0, || format!("{lost} events are lost"));
        row.check(unreported == 0, || {
            format!("{unreported} hostile messages are not reported")
        });
        row.check(self.again == 0, || {
            format!("{} messages are delivered again", self.again)
        });
        row.check(self.out_of_order == 0, || {
            format!("{} events are out of order", self.out_of_order)
        });
        let wrong = self.wrong.len();
        row.check(wrong == 0, || {
            let first: Vec<_> = self.wrong.iter().take(3).map(String::as_str).collect();
            format!("{wrong} deliveries are wrong: {}", first.join("; "))
        });
    }
}

fn is_event(json: &[u8], event: Event) -> bool {
    Event::parse(json).is_ok_and(|parsed| parsed == event)
}

//! Hostile bytes: what a publisher with permission can put on the wire.

use super::ledger::Expected;
use crate::event::Event;
use crate::random::Random;

/// Goals of the good events of one generator.
const GOALS: u32 = 16;
/// One message in this number is a good event.
const ONE_IN: u64 = 3;

/// Makes good events, in order for each goal, and hostile values among them.
#[derive(Debug)]
pub(super) struct Generator<'a> {
    pub(super) random: &'a mut Random,
    first_goal: u32,
    next_numbers: [u32; GOALS as usize],
}

impl<'a> Generator<'a> {
    /// Different `group`s have different goals.
    pub(super) fn new(random: &'a mut Random, group: u32) -> Self {
        Self {
            random,
            first_goal: group * GOALS,
            next_numbers: [0; GOALS as usize],
        }
    }

    /// Returns the next event of a random goal.
    pub(super) fn event(&mut self) -> Event {
        let goal = self.random.below(GOALS.into()) as u32;
        let mut number = 0;
        if let Some(next) = self.next_numbers.get_mut(goal as usize) {
            number = *next;
            *next += 1;
        }
        Event {
            goal: self.first_goal + goal,
            number,
        }
    }

    /// Returns the value of a good event or, more often, of a hostile message.
    pub(super) fn value(&mut self) -> (Vec<u8>, Expected) {
        if self.random.below(ONE_IN) == 0 {
            let event = self.event();
            return (json(event), Expected::Event(event));
        }
        (self.hostile_value(), Expected::Malformed)
    }

    /// Returns bytes that are no event.
    pub(super) fn hostile_value(&mut self) -> Vec<u8> {
        // An event that is no part of the load.
        let mut event = json(Event {
            goal: u32::MAX,
            number: 0,
        });
        let end = event.len() as u64;
        match self.random.below(8) {
            0 => self.bytes(300),
            1 => {
                event.truncate(self.random.below(end) as usize);
                event
            }
            2 => {
                let at = self.random.below(end) as usize;
                event.splice(at..at, [0xff]);
                event
            }
            3 => vec![b'['; 1 + self.random.below(2000) as usize],
            4 => {
                let texts = [
                    "null",
                    "{}",
                    "[]",
                    "\"\"",
                    "0",
                    "{\"kind\":7}",
                    "{\"kind\":\"escalate\"}",
                    "1e999999",
                ];
                self.random.choose(&texts).into()
            }
            5 => br#"{"kind":"escalate","goal_id":"not a uuid","reason":"x"}"#.into(),
            6 => [
                b"{\"kind\":\"".as_slice(),
                &vec![b'a'; self.random.below(20_000) as usize],
            ]
            .concat(),
            _ => [event.as_slice(), b" ", event.as_slice()].concat(),
        }
    }

    /// Returns up to `max` random bytes. The first one starts no JSON text.
    pub(super) fn bytes(&mut self, max: u64) -> Vec<u8> {
        let length = self.random.below(max);
        let mut bytes = vec![0x80];
        bytes.extend((0..length).map(|_| self.random.below(256) as u8));
        bytes
    }

    /// Returns up to `max` printable ASCII characters without blanks and colons, at least one.
    pub(super) fn word(&mut self, max: u64) -> Vec<u8> {
        let length = 1 + self.random.below(max);
        (0..length)
            .map(|_| match self.random.below(26) {
                0 => b'_',
                letter => b'a' + letter as u8,
            })
            .collect()
    }
}

pub(super) fn json(event: Event) -> Vec<u8> {
    event.envelope().json().map(|json| json.to_vec()).unwrap_or_default()
}

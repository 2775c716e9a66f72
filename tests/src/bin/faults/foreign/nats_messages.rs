//! Good and hostile messages for NATS.

use anyhow::Result;
use driver_events_harness::RawNatsClient;

use super::hostile::{Generator, json};
use super::ledger::Expected;
use crate::event::Event;

/// A message of any bytes that a server accepts.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) subject: Vec<u8>,
    /// The header block, from its version line to its blank line.
    pub(super) header: Option<Vec<u8>>,
    pub(super) payload: Vec<u8>,
    pub(super) expected: Expected,
    /// Whether async-nats ends the connection at this message.
    pub(super) is_unparseable: bool,
}

impl Message {
    pub(super) fn good(event: Event) -> Self {
        Self {
            subject: subject(event),
            header: None,
            payload: json(event),
            expected: Expected::Event(event),
            is_unparseable: false,
        }
    }

    pub(super) fn publish(&self, client: &mut RawNatsClient) -> Result<()> {
        match &self.header {
            Some(header) => client.publish_with_headers(&self.subject, header, &self.payload),
            None => client.publish(&self.subject, &self.payload),
        }
    }

    /// Returns a random message that async-nats can parse.
    pub(super) fn parseable(generator: &mut Generator<'_>) -> Self {
        let (payload, expected) = generator.value();
        let subject = match expected {
            Expected::Event(event) => subject(event),
            _ => [b"agent.driver.".as_slice(), &generator.word(30)].concat(),
        };
        let message = Self {
            subject,
            header: None,
            payload,
            expected,
            is_unparseable: false,
        };
        match (generator.random.below(8), expected) {
            (0..=2, _) => message,
            // Headers that are nobody's attributes change nothing.
            (3..=5, _) | (_, Expected::Event(_)) => Self {
                header: Some(header(&[&foreign_line(generator), &foreign_line(generator)])),
                ..message
            },
            // What the server itself stores in a stream where messages expire or are deleted.
            (6, _) => Self {
                header: Some(header(&[b"Nats-Marker-Reason: MaxAge"])),
                payload: Vec::new(),
                expected: Expected::Nothing,
                ..message
            },
            _ => {
                let lines: [&[u8]; 6] = [
                    b"ce-time: yesterday",
                    b"ce-id: %FF",
                    b"ce-specversion: 2.0",
                    b"ce-producerrun: r",
                    b"ce-source: a b",
                    b"content-type: application/cloudevents+json",
                ];
                let line = generator.random.choose(&lines);
                Self {
                    header: Some(header(&[line])),
                    payload: json(foreign_event()),
                    ..message
                }
            }
        }
    }

    /// Returns a random message at which async-nats ends the connection, often with an event as payload.
    pub(super) fn unparseable(generator: &mut Generator<'_>) -> Self {
        let byte = 0x80 + generator.random.below(0x40) as u8;
        let word = generator.word(10);
        let payload = match generator.random.below(2) {
            0 => json(foreign_event()),
            _ => generator.hostile_value(),
        };
        let mut message = Self {
            subject: [b"agent.driver.".as_slice(), &word].concat(),
            header: None,
            payload,
            expected: Expected::Malformed,
            is_unparseable: true,
        };
        match generator.random.below(6) {
            0 => message.subject.push(byte),
            1 => message.header = Some(header(&[&[b"X-Author: ", &*word, &[byte]].concat()])),
            2 => message.header = Some(header(&[&[&*word, &[byte], b": x"].concat()])),
            3 => message.header = Some(header(&[&[b"X ", &*word, b": x"].concat()])),
            4 => message.header = Some(header(&[&word])),
            _ => message.header = Some([&*word, b"\r\n\r\n"].concat()),
        }
        message
    }
}

/// An event that is no part of the load.
fn foreign_event() -> Event {
    Event {
        goal: u32::MAX,
        number: 0,
    }
}

fn subject(event: Event) -> Vec<u8> {
    event.envelope().subject().unwrap_or_default().as_bytes().to_vec()
}

fn header(lines: &[&[u8]]) -> Vec<u8> {
    [b"NATS/1.0\r\n", &*lines.join(b"\r\n".as_slice()), b"\r\n\r\n"].concat()
}

/// A header line with a random name and a random value that is UTF-8.
fn foreign_line(generator: &mut Generator<'_>) -> Vec<u8> {
    let value = ["", " ", "ß😀", "a: b: c", "%FF", "\t", "\"", "\u{7f}"];
    let value = generator.random.choose(&value);
    [
        b"X-",
        &*generator.word(200),
        b": ",
        value.as_bytes(),
        &generator.word(40),
    ]
    .concat()
}

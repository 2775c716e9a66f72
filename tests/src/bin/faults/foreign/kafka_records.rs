//! Good and hostile records for Kafka.

use driver_events_harness::KafkaRawRecord;

use super::hostile::{Generator, json};
use super::ledger::Expected;
use crate::event::Event;

/// Returns a random record. Its expected fate does not depend on key, timestamp and foreign headers.
pub(super) fn record(generator: &mut Generator<'_>) -> (KafkaRawRecord, Expected) {
    let (mut value, mut expected) = generator.value();
    let mut headers = Vec::new();
    for _ in 0..generator.random.below(3) {
        headers.push((generator.bytes(30), foreign_value(generator)));
    }
    if generator.random.below(8) == 0 && expected == Expected::Malformed {
        let invalid: [(&[u8], &[u8]); 6] = [
            (b"ce_time", b"yesterday"),
            (b"ce_id", b"\xff"),
            (b"ce_specversion", b"2.0"),
            (b"ce_producerrun", b"r"),
            (b"ce_source", b"a b"),
            (b"content-type", b"application/cloudevents+json"),
        ];
        let (name, text) = generator.random.choose(&invalid);
        headers.push((name.to_vec(), Some(text.to_vec())));
        value = json(Event {
            goal: u32::MAX,
            number: 0,
        });
        expected = Expected::Malformed;
    }
    let key = match generator.random.below(3) {
        0 => None,
        1 => Some(Vec::new()),
        _ => Some(generator.bytes(50)),
    };
    let timestamps = [0, 1, 1_700_000_000_000, i64::from(u32::MAX), i64::MAX, -1];
    let timestamp = generator.random.choose(&timestamps);
    (
        KafkaRawRecord {
            key,
            value: Some(value),
            headers,
            timestamp,
        },
        expected,
    )
}

fn foreign_value(generator: &mut Generator<'_>) -> Option<Vec<u8>> {
    match generator.random.below(3) {
        0 => None,
        1 => Some(Vec::new()),
        _ => Some(generator.bytes(100)),
    }
}

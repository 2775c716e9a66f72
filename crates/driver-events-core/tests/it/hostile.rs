//! Hostile bytes: no panic, no end of reading, no good event lost. `PROPTEST_CASES` sets the number of cases.

use bytes::Bytes;
use driver_events_core::cloudevents::{looks_structured, read_structured, write_structured};
use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSource, Envelope, NdjsonSource, Position};
use driver_events_types::Limits;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;

use crate::ndjson::ChunkReader;

/// The same cases in every run; more of them with `PROPTEST_CASES`.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x5eed),
        ..ProptestConfig::default()
    }
}

/// Returns a good line of this number.
fn good(number: u32) -> Vec<u8> {
    let envelope = Envelope::new(samples::numbered(samples::goal(1), number));
    let mut line = Vec::new();
    match number % 3 {
        0 => write_structured(&envelope, &mut line).unwrap(),
        1 => line.extend_from_slice(envelope.json().unwrap()),
        _ => line.extend_from_slice(
            br#"{"kind":"escalate","goal_id":"00000000-0000-0000-0000-000000000001","reason":"\ud83d"}"#,
        ),
    }
    line
}

/// Bytes that a parser may trip over.
fn token() -> impl Strategy<Value = Vec<u8>> {
    let special = select(
        [
            &b"\0"[..],
            b"\xef\xbb\xbf",
            b"\xff\xfe",
            b"\xfe\xff",
            b"\xed\xa0\xbd",
            b"\r",
            br"\ud83d",
            br"\udc00",
            br"\u",
            b"\\",
            b"\"",
            b"{",
            b"}",
            b"[",
            b",",
            b":",
            b"null",
            b"1e999",
            br#""kind":"#,
            br#""data":"#,
            br#""data_base64":"e30=""#,
            br#"{"specversion":"1.0","#,
            br#""id":null,"#,
        ]
        .map(<[u8]>::to_vec)
        .to_vec(),
    );
    prop_oneof![
        3 => special,
        1 => vec(any::<u8>(), 0..6),
        1 => (1..300_usize).prop_map(|depth| vec![b'['; depth]),
    ]
}

/// A good line with tokens inserted or bytes removed, or tokens alone. It has no line feed.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let edits = vec((any::<Index>(), token(), 0..4_usize), 1..6);
    (0..4_u32, edits).prop_map(|(base, edits)| {
        let mut line = if base == 3 { Vec::new() } else { good(base) };
        for (at, token, removed) in edits {
            let start = at.index(line.len() + 1);
            let end = line.len().min(start + removed);
            line.splice(start..end, token);
        }
        line.retain(|byte| *byte != b'\n');
        line
    })
}

#[derive(Clone, Debug)]
enum Line {
    Good,
    Hostile(Vec<u8>),
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    vec(prop_oneof![Just(Line::Good), hostile().prop_map(Line::Hostile)], 0..20)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn cloudevent_of_any_bytes_is_read_or_refused(text in hostile()) {
        let text = Bytes::from(text);
        let _ = looks_structured(&text);
        match read_structured(&text, Limits::default()) {
            Ok(envelope) => {
                let mut line = Vec::new();
                write_structured(&envelope, &mut line).unwrap();
                let again = read_structured(&line.into(), Limits::default()).unwrap();
                prop_assert_eq!(again.json().unwrap(), envelope.json().unwrap());
                prop_assert_eq!(again.id(), envelope.id());
            }
            Err(error) => {
                prop_assert!(error.offset() <= text.len());
                prop_assert!(error.to_string().len() < 2_000);
            }
        }
    }

    #[test]
    fn hostile_lines_cost_no_good_line(lines in lines(), chunk_bytes in 1..300_usize, max_bytes in 200..2_000_usize) {
        let mut text = Vec::new();
        let mut expected = Vec::new();
        for (number, line) in (0..).zip(&lines) {
            match line {
                Line::Good => {
                    let line = good(number);
                    expected.push((u64::from(number) + 1, text.len() as u64, line.clone()));
                    text.extend_from_slice(&line);
                }
                Line::Hostile(line) => text.extend_from_slice(line),
            }
            text.push(b'\n');
        }
        let limits = Limits::default().with_max_bytes(max_bytes);
        let mut source = NdjsonSource::new("-", ChunkReader::new(&text, chunk_bytes)).with_limits(limits);
        let reading = async {
            let mut read = Vec::new();
            while let Some(delivery) = source.next().await {
                let delivery = delivery.unwrap();
                let Position::Line { line, offset, .. } = *delivery.position() else {
                    panic!("expected a line position");
                };
                let raw = delivery.raw().unwrap().clone();
                let start = usize::try_from(offset).unwrap();
                assert_eq!(&text[start..start + raw.len()], &raw[..], "raw bytes are at their position");
                match delivery.envelope() {
                    Ok(_) => read.push((line, offset, raw)),
                    Err(malformed) => assert!(malformed.offset() <= raw.len()),
                }
            }
            read
        };
        let read = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(reading);
        for (line, offset, raw) in expected {
            let found = read.iter().find(|(found, ..)| *found == line);
            prop_assert!(found.is_some(), "line {} is lost", line);
            prop_assert_eq!(found.map(|(_, offset, _)| *offset), Some(offset));
            prop_assert_eq!(found.map(|(_, _, found)| found.trim_ascii_end().to_vec()), Some(raw));
        }
    }
}

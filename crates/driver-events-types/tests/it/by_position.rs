//! The encoder and the decoder of the contract's form agree with serde's implementations of the types, for every event
//! and for texts that deviate from the form.

use driver_events_types::{DecodeErrorKind, DriverEvent, EncodeErrorKind, EventKind, Limits, replace_lone_surrogates};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::support::tree::Node;
use crate::support::{cases, encode, samples, strategies};

/// Texts that are inserted into JSON, or replace a part of it.
const PIECES: &[&str] = &[
    "",
    " ",
    "\n",
    "\t",
    "\u{b}",
    "\u{7f}",
    "é",
    "😀",
    "\"",
    "\\",
    "\\\"",
    "\\\\",
    "\\/",
    "\\n",
    "\\b",
    "\\u0041",
    "\\u001f",
    "\\u00E9",
    "\\u00+5",
    "\\u0",
    "\\x41",
    "\\ud83d\\ude00",
    "\\ud83d",
    "{",
    "}",
    "[",
    "]",
    "{}",
    "[]",
    ",",
    ":",
    "0",
    "-",
    "-0",
    "00",
    "1.0",
    "1.5",
    ".5",
    "1.",
    "1e0",
    "1E+2",
    "1e-400",
    "1e999",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "-2147483649",
    "null",
    "true",
    "false",
    "nul",
    "NaN",
    "\"kind\":",
    "\"kind\":\"done\",",
    "\"x\":0,",
    ",\"x\":[{}]",
    "Z",
    "z",
    ".5Z",
    "+00:00",
    ":60",
    "0s",
    " 0s",
    "1year",
    "1years ",
    "1week",
    "ms",
    "us",
    "µs",
    "9999999999999999999s ",
    "{\"$serde_json::private::Number\":\"1\"}",
    "{\"b\":1,\"a\":{\"b\":2,\"a\":[1.50]},\"b\":3}",
];

#[derive(Clone, Debug)]
struct Edit {
    at: Index,
    removed: usize,
    piece: &'static str,
}

fn edit() -> impl Strategy<Value = Edit> {
    (
        any::<Index>(),
        prop_oneof![3 => Just(0), 2 => 1..4_usize],
        select(PIECES),
    )
        .prop_map(|(at, removed, piece)| Edit { at, removed, piece })
}

/// Applies the edit before or after a token, where most of them leave a text that is nearly an event.
fn apply(json: &mut String, edit: &Edit) {
    let boundaries = token_boundaries(json);
    let start = boundaries[edit.at.index(boundaries.len())];
    let end = json.len().min(start + edit.removed);
    if json.is_char_boundary(end) {
        json.replace_range(start..end, edit.piece);
    }
}

fn token_boundaries(json: &str) -> Vec<usize> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric();
    let pairs = json.as_bytes().windows(2).enumerate();
    let inside = pairs
        .filter(|(_, pair)| !pair.iter().all(is_word))
        .map(|(at, _)| at + 1);
    let inside = inside.filter(|at| json.is_char_boundary(*at));
    [0, json.len()].into_iter().chain(inside).collect()
}

/// Asserts that the decoder returns what serde returns, which reads every text on the general path.
fn assert_decodes_as_serde(json: &str) {
    let by_serde =
        |json: &[u8]| serde_json::from_slice::<DriverEvent>(json).map(|event| (encode_unlimited(&event), event));
    let limits = Limits::default().with_max_bytes(usize::MAX);
    let replaced = replace_lone_surrogates(json.as_bytes());
    let expected = by_serde(replaced.as_deref().unwrap_or(json.as_bytes()));
    match DriverEvent::from_json_with(json.as_bytes(), limits) {
        Ok(event) => {
            let expected = expected.unwrap_or_else(|error| panic!("{error}\nin {json}"));
            assert_eq!((encode_unlimited(&event), event), expected, "{json}");
        }
        Err(error) if error.kind() == DecodeErrorKind::TooDeep => {}
        Err(error) => assert!(expected.is_err(), "{error}\nin {json}"),
    }
}

/// Encodes through serde, which compares floats by their text.
fn encode_unlimited(event: &DriverEvent) -> String {
    serde_json::to_string(event).unwrap()
}

/// Returns the nesting depth of JSON.
fn depth(node: &Node) -> usize {
    match node {
        Node::Text(_) => 0,
        Node::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Node::Object(members) => 1 + members.iter().map(|(_, value)| depth(value)).max().unwrap_or(0),
    }
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn events_are_written_as_by_serde_within_the_limits(
        event in strategies::event(),
        max_bytes in any::<Index>(),
        max_depth in 0_usize..12,
    ) {
        let expected = encode_unlimited(&event);
        let depth = depth(&Node::parse(&expected));
        for max_bytes in [max_bytes.index(expected.len() + 1), expected.len() - 1, expected.len(), usize::MAX] {
            for max_depth in [max_depth, depth - 1, depth] {
                let limits = Limits::default().with_max_bytes(max_bytes).with_max_depth(max_depth);
                let mut out = b"before ".to_vec();
                let written = event.write_json_with(&mut out, limits);
                prop_assert_eq!(written.is_ok(), expected.len() <= max_bytes && depth <= max_depth);
                match written {
                    Ok(()) => prop_assert_eq!(out, format!("before {expected}").into_bytes()),
                    Err(error) => {
                        prop_assert_eq!(out, b"before ");
                        let is_cause = match error.kind() {
                            EncodeErrorKind::TooLarge => expected.len() > max_bytes,
                            EncodeErrorKind::TooDeep => depth > max_depth,
                            _ => false,
                        };
                        prop_assert!(is_cause, "{}", error);
                    }
                }
            }
        }
    }

    #[test]
    fn edited_events_are_read_as_by_serde(event in strategies::event(), edits in vec(edit(), 0..3)) {
        let mut json = encode_unlimited(&event);
        for edit in &edits {
            apply(&mut json, edit);
        }
        assert_decodes_as_serde(&json);
    }
}

#[test]
fn every_insertion_into_a_sample_is_read_as_by_serde() {
    for kind in EventKind::ALL {
        let json = encode(&samples::first(*kind));
        for at in token_boundaries(&json) {
            for piece in PIECES {
                let mut edited = json.clone();
                edited.insert_str(at, piece);
                assert_decodes_as_serde(&edited);
            }
        }
    }
}

#[test]
fn control_characters_are_escaped_as_by_serde() {
    for code in 0..0x100_u32 {
        for padding in [0, 1, 15, 16, 17] {
            let character = char::from_u32(code).unwrap();
            let reason = format!("{0}{character}{0}", "x".repeat(padding));
            let event = DriverEvent::Escalate {
                goal_id: crate::support::GOAL,
                reason,
            };
            let json = encode(&event);
            assert_eq!(json, encode_unlimited(&event));
            assert_decodes_as_serde(&json);
            // Raw, it is invalid in a string if it must be escaped.
            assert_decodes_as_serde(&json.replace("xx", &character.to_string()));
        }
    }
}

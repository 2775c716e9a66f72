//! Generated events and damaged text: no panics, no data loss.

use driver_events_types::{CompactTrigger, DecodeErrorKind, Decoded, DriverEvent, EventKind};
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Deserialize;

use crate::support::locations::object_locations;
use crate::support::tree::{Node, Style};
use crate::support::{GOAL, assert_encodes, cases, decode, encode, samples, strategies};

/// Asserts that text which decodes is encoded without loss: to an equal event, and then to equal bytes.
fn assert_lossless(text: &[u8]) {
    match Decoded::from_json(text) {
        Ok(Decoded::Known(event)) => {
            let json = encode(&event);
            let again = decode(&json);
            assert_eq!(again, event);
            assert_eq!(encode(&again), json);
        }
        Ok(unknown) => assert_eq!(unknown.to_json().unwrap(), text),
        Err(error) => {
            assert!(error.offset() <= text.len());
            assert!(error.line() >= 1 && error.column() >= 1);
        }
    }
}

/// Shuffles reproducibly with a simple generator (xorshift).
fn shuffle<T>(items: &mut [T], seed: &mut u64) {
    for end in (1..items.len()).rev() {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        items.swap(end, (*seed % (end as u64 + 1)) as usize);
    }
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn generated_events_round_trip(event in strategies::event()) {
        let json = encode(&event);
        assert_encodes(&event, &json);
        assert_eq!(decode(&json), event);
        assert_eq!(encode(&decode(&json)), json);
        assert_eq!(serde_json::from_str::<DriverEvent>(&json).unwrap(), event);
        assert_eq!(serde_json::from_reader::<_, DriverEvent>(json.as_bytes()).unwrap(), event);
        assert_eq!(Decoded::from_json(json.as_bytes()).unwrap(), Decoded::Known(event));
    }

    #[test]
    fn generated_events_round_trip_through_value(event in strategies::event()) {
        let value = serde_json::to_value(&event).unwrap();
        assert_eq!(DriverEvent::deserialize(&value).unwrap(), event);
        let again: DriverEvent = serde_json::from_value(value).unwrap();
        assert_eq!(encode(&again), encode(&event));
    }

    #[test]
    fn field_order_and_unknown_fields_do_not_matter(
        event in strategies::event(),
        extra in vec((strategies::text(), strategies::value()), 0..4),
        seed in 1_u64..,
    ) {
        let json = encode(&event);
        let mut seed = seed;
        let mut node = Node::parse(&json);
        for object in object_locations(&event, &node.clone()) {
            for (key, value) in &extra {
                let known = key == "kind" || object.fields.iter().any(|field| field.name == key);
                if !known {
                    let value = serde_json::to_string(value).unwrap();
                    node.at(&object.steps).members().push((key.clone(), Node::Text(value)));
                }
            }
        }
        node.for_each_object(&mut |members| shuffle(members, &mut seed));
        for style in [Style::Compact, Style::Spread] {
            let text = node.render(style);
            let limits = driver_events_types::Limits::default().with_max_bytes(usize::MAX);
            let again = DriverEvent::from_json_with(text.as_bytes(), limits)
                .unwrap_or_else(|error| panic!("{error}\nin {text}"));
            assert_eq!(encode(&again), json);
        }
    }

    #[test]
    fn damaged_events_decode_lossless_or_fail(
        event in strategies::event(),
        at in any::<prop::sample::Index>(),
        removed in 0_usize..9,
        put in vec(any::<u8>(), 0..5),
    ) {
        let mut json = encode(&event).into_bytes();
        let start = at.index(json.len());
        let end = (start + removed).min(json.len());
        json.splice(start..end, put);
        assert_lossless(&json);
    }

    #[test]
    fn random_bytes_decode_lossless_or_fail(bytes in vec(any::<u8>(), 0..200)) {
        assert_lossless(&bytes);
    }

    #[test]
    fn random_json_decodes_lossless_or_fails(value in strategies::value(), kind in prop::sample::select(EventKind::ALL)) {
        let value = serde_json::to_string(&value).unwrap();
        assert_lossless(value.as_bytes());
        for field in kind.fields() {
            assert_lossless(format!(r#"{{"kind":"{kind}","{}":{value}}}"#, field.name).as_bytes());
        }
    }

    #[test]
    fn floats_round_trip_bit_exact(token_pressure in strategies::float(), pct in strategies::float()) {
        let event = DriverEvent::CompactRequested {
            goal_id: GOAL,
            turn_index: 0,
            focus: String::new(),
            token_pressure,
            before_tokens: 0,
            age_minutes: 0,
            trigger: CompactTrigger::TokenPressure { pct, tokens_used: 0, context_window: 0 },
        };
        let json = encode(&event);
        let mut reversed = Node::parse(&json);
        reversed.for_each_object(&mut |members| members.reverse());
        for text in [json, reversed.render(Style::Compact)] {
            let DriverEvent::CompactRequested { token_pressure: first, trigger, .. } = decode(&text) else {
                panic!("{text}")
            };
            let CompactTrigger::TokenPressure { pct: second, .. } = trigger else { panic!("{text}") };
            assert_eq!((first.to_bits(), second.to_bits()), (token_pressure.to_bits(), pct.to_bits()), "{text}");
        }
    }

    /// Compares the duration parser with humantime's on texts in the form of durations.
    #[test]
    fn durations_parse_as_in_humantime(
        text in "([0-9 .]{0,6}(ns|us|µs|ms|s|sec|m|min|h|hours|d|days|w|weeks|M|months|y|years|x|) ?){0,4}",
    ) {
        let json = encode(&samples::first(EventKind::AttemptStarted)).replace("1m 36s 410ms", &text);
        let decoded = DriverEvent::from_json(json.as_bytes()).ok().map(|event| match event {
            DriverEvent::AttemptStarted { usage, .. } => usage.wall_time,
            other => panic!("{other:?}"),
        });
        assert_eq!(decoded, humantime::parse_duration(&text).ok(), "{text:?}");
    }
}

#[test]
fn flipped_bits_decode_lossless_or_fail() {
    for (_, json) in samples::all() {
        let mut text = json.into_bytes();
        for at in 0..text.len() {
            let byte = text[at];
            for bit in 0..8 {
                text[at] = byte ^ (1 << bit);
                assert_lossless(&text);
            }
            text[at] = byte;
        }
    }
}

#[test]
fn removed_bytes_decode_lossless_or_fail() {
    for (_, json) in samples::all() {
        for at in 0..json.len() {
            let mut text = json.clone().into_bytes();
            text.remove(at);
            assert_lossless(&text);
        }
    }
}

#[test]
fn truncated_events_are_syntax_errors_at_every_byte() {
    proptest!(cases(20), |(event in strategies::event())| {
        let json = event.to_json().unwrap();
        for end in 0..json.len() {
            let error = DriverEvent::from_json(&json[..end]).unwrap_err();
            assert_eq!(error.kind(), DecodeErrorKind::Syntax);
        }
    });
}

//! Thousands of damaged events: schema and decoder judge each alike, except for the published differences.

use driver_events_core::conformance::samples;
use driver_events_types::{DriverEvent, EventKind};
use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::differences::is_published;
use super::{Schemas, Verdict, verdict_of_decoder};
use crate::sample_events::{GOAL_RUN, UPSTREAM};

/// Asserts that both judge alike, or that the difference is published.
fn assert_judged_alike(schemas: &Schemas, json: &[u8]) -> Verdict {
    let (by_schema, by_decoder) = (schemas.verdict(json), verdict_of_decoder(json));
    if by_schema != by_decoder {
        let text = String::from_utf8_lossy(json);
        let error = DriverEvent::from_json(json).err();
        assert_eq!(by_decoder, Verdict::Invalid, "the schema says {by_schema:?}: {text}");
        let error = error.unwrap();
        assert!(is_published(&error), "the schema says {by_schema:?}: {error}: {text}");
    }
    by_decoder
}

fn events() -> Vec<Value> {
    let goal = samples::goal(1);
    let samples = samples::every_kind(goal).into_iter().chain(samples::hostile(goal));
    let samples = samples.map(|event| event.to_json().unwrap());
    let fixtures = GOAL_RUN
        .lines()
        .chain(UPSTREAM.lines())
        .map(|line| line.as_bytes().to_vec());
    fixtures
        .chain(samples)
        .map(|json| serde_json::from_slice(&json).unwrap())
        .collect()
}

/// Values of each JSON type, at the limits of the integers, and names of other places of the contract.
fn replacements() -> Vec<Value> {
    let mut values = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(0.5),
        json!(i32::MIN),
        json!(i64::from(i32::MIN) - 1),
        json!(u64::from(u32::MAX)),
        json!(u64::from(u32::MAX) + 1),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!(""),
        json!("a text"),
        json!("turns"),
        json!("throttled"),
        json!("timed_out"),
        json!("6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01"),
        json!("2026-06-01T08:00:03.120Z"),
        json!("1m 36s 410ms"),
        json!([]),
        json!([null]),
        json!({}),
        json!({"kind": "escalate", "reason": "a text"}),
        json!({"kind": "allow"}),
        json!({"kind": "of_the_future", "deadline": 5}),
        json!({"kind": 7}),
    ];
    values.extend(EventKind::ALL.iter().map(|kind| json!(kind.as_str())));
    values
}

/// Returns the path of each value below this one, the root included.
fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                paths(value, &format!("{path}/{}", escaped(key)), found);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                paths(value, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Returns the mutants of an event: each value replaced, removed, doubled, and with unknown members.
fn mutants(event: &Value, replacements: &[Value]) -> Vec<Value> {
    let mut all_paths = Vec::new();
    paths(event, "", &mut all_paths);
    let mut mutants = Vec::new();
    let mut change = |path: &str, change: &mut dyn FnMut(&mut Value)| {
        let mut mutant = event.clone();
        change(mutant.pointer_mut(path).unwrap());
        mutants.push(mutant);
    };
    for path in &all_paths {
        for replacement in replacements {
            change(path, &mut |value| *value = replacement.clone());
        }
        match event.pointer(path).unwrap() {
            Value::Object(members) => {
                for key in members.keys() {
                    change(path, &mut |value| drop(members_of(value).remove(key)));
                }
                change(path, &mut |value| {
                    members_of(value).insert("of_the_future".to_owned(), json!({"kind": 1, "goal_id": null}));
                });
            }
            Value::Array(values) if !values.is_empty() => {
                change(path, &mut |value| {
                    let values = value.as_array_mut().unwrap();
                    values.extend_from_within(..1);
                });
            }
            _ => {}
        }
    }
    mutants
}

fn members_of(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().unwrap()
}

/// The mutants of every fifth event of the fixtures, of which the others would repeat most, and of each sample.
pub(crate) fn mutants_of_all_events() -> Vec<String> {
    let (events, replacements) = (events(), replacements());
    let (fixtures, samples) = events.split_at(GOAL_RUN.lines().count() + UPSTREAM.lines().count());
    let events = fixtures.iter().step_by(5).chain(samples);
    let mutants = events.flat_map(|event| mutants(event, &replacements));
    mutants.map(|mutant| mutant.to_string()).collect()
}

#[test]
fn damaged_events_are_judged_alike() {
    let schemas = Schemas::of_all_kinds();
    let mut verdicts = [0_u32; 3];
    for mutant in mutants_of_all_events() {
        let verdict = assert_judged_alike(&schemas, mutant.as_bytes());
        verdicts[verdict as usize] += 1;
    }
    // Known, unknown, invalid: the mutants are of each sort.
    assert!(verdicts.iter().all(|count| *count > 1_000), "{verdicts:?}");
}

/// Returns the event with the text as the value at `path`.
fn event_with(event: &str, path: &str, text: &str) -> Vec<u8> {
    let mut event: Value = serde_json::from_str(event).unwrap();
    *event.pointer_mut(path).unwrap() = json!(text);
    event.to_string().into_bytes()
}

/// Concatenates tokens at random.
fn random_text(random: &mut Rng, tokens: &[&str], max_tokens: usize) -> String {
    (0..random.usize(..=max_tokens))
        .map(|_| *random.choice(tokens).unwrap())
        .collect()
}

/// Replaces, removes or inserts a token at a random place of a text.
fn damaged(random: &mut Rng, text: &str, tokens: &[&str]) -> String {
    let mut parts: Vec<String> = text.chars().map(String::from).collect();
    for _ in 0..random.usize(..=2) {
        let token = (*random.choice(tokens).unwrap()).to_owned();
        let place = random.usize(..parts.len().max(1));
        match random.u8(..3) {
            0 if place < parts.len() => drop(parts.remove(place)),
            1 if place < parts.len() => parts[place] = token,
            _ => parts.insert(place, token),
        }
    }
    parts.concat()
}

const EXHAUSTED: &str = r#"{"kind":"budget_exhausted","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","axis":"turns","usage":{"turns":1,"wall_time":"1s","tokens":2,"consecutive_denies":0}}"#;
const ACCEPTANCE: &str = r#"{"kind":"acceptance","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","verdict":{"met":true,"evaluated_at":"2026-06-01T08:00:00Z","elapsed_ms":7}}"#;

#[test]
fn random_durations_are_judged_alike() {
    let tokens = [
        "0",
        "1",
        "2",
        "9",
        "10",
        "36",
        "410",
        "18446744073709551615",
        " ",
        "  ",
        "\n",
        "\t",
        "\u{85}",
        "\u{feff}",
        "\u{2003}",
        ".",
        "-",
        "+",
        "e",
        "ns",
        "nsec",
        "nanos",
        "us",
        "µs",
        "usec",
        "ms",
        "millis",
        "msec",
        "s",
        "sec",
        "secs",
        "second",
        "seconds",
        "m",
        "M",
        "min",
        "mins",
        "minute",
        "minutes",
        "h",
        "hr",
        "hrs",
        "hour",
        "hours",
        "d",
        "day",
        "days",
        "w",
        "wk",
        "wks",
        "week",
        "weeks",
        "month",
        "months",
        "y",
        "yr",
        "yrs",
        "year",
        "years",
        "S",
        "MS",
        "micros",
        "µ",
        "ß",
        "\u{0}",
    ];
    let written = [
        "0s",
        "1m 36s 410ms",
        "3s 212ms 409us 705ns",
        "2years 1month 3days",
        "1day 2h",
        "0",
    ];
    assert_texts_are_judged_alike(&tokens, &written, 8, EXHAUSTED, "/usage/wall_time");
}

#[test]
fn random_times_are_judged_alike() {
    let tokens = [
        "0", "1", "2", "3", "5", "6", "9", "12", "59", "60", "2026", "0000", "9999", "-", "+", "\u{2212}", ":", "T",
        "t", " ", ".", "Z", "z", "+01:00", "-23:59", "24:00", ",", "\n", "\u{660}",
    ];
    let written = [
        "2026-06-01T08:00:00Z",
        "2026-06-01T08:00:03.120Z",
        "2026-12-31T23:59:60.123456789+14:00",
        "0000-01-01 00:00:00.1-00:00",
        "2024-02-29t12:30:00z",
    ];
    assert_texts_are_judged_alike(&tokens, &written, 24, ACCEPTANCE, "/verdict/evaluated_at");
}

#[test]
fn random_ids_are_judged_alike() {
    let tokens = [
        "0",
        "9",
        "a",
        "f",
        "A",
        "F",
        "g",
        "-",
        "{",
        "}",
        "(",
        "urn:uuid:",
        "URN:UUID:",
        "6f2c1f0e",
        "8f5b",
        "0b1f6a0c1a01",
        " ",
        "\n",
    ];
    let written = [
        "6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01",
        "6F2C1F0E-8F5B-4F53-9D7C-0B1F6A0C1A01",
        "6f2c1f0e8f5b4f539d7c0b1f6a0c1a01",
        "{6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01}",
        "Urn:UUID:6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01",
        "urn:uuid:6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01",
    ];
    assert_texts_are_judged_alike(&tokens, &written, 12, EXHAUSTED, "/goal_id");
}

fn assert_texts_are_judged_alike(tokens: &[&str], written: &[&str], max_tokens: usize, event: &str, path: &str) {
    let schemas = Schemas::of_all_kinds();
    let mut random = Rng::with_seed(16);
    let mut verdicts = [0_u32; 3];
    for round in 0..20_000 {
        let text = if round % 2 == 0 {
            random_text(&mut random, tokens, max_tokens)
        } else {
            let text = *random.choice(written).unwrap();
            damaged(&mut random, text, tokens)
        };
        let verdict = assert_judged_alike(&schemas, &event_with(event, path, &text));
        verdicts[verdict as usize] += 1;
    }
    let [known, unknown, invalid] = verdicts;
    assert!(known > 1_000 && unknown == 0 && invalid > 1_000, "{verdicts:?}");
}

//! Encoder and decoder refuse events that are too large, too deep or not representable, without overflowing the stack.

use std::collections::BTreeSet;

use driver_events_types::chrono::{DateTime, TimeDelta, Utc};
use driver_events_types::contract::Shape;
use driver_events_types::serde_json::{Map, Value, json};
use driver_events_types::{
    AcceptanceCriterion, CompactTrigger, DecodeErrorKind, Decoded, DriverEvent, EncodeErrorKind, EventKind, Limits,
};

use crate::support::locations::field_locations;
use crate::support::tree::{Node, Style};
use crate::support::{decode, encode, samples};

/// Runs the test on a stack that a few hundred levels of recursion overflow.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    if cfg!(target_family = "wasm") {
        // No threads. Its only stack is small, too: 1 MiB.
        return test();
    }
    std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(test)
        .unwrap()
        .join()
        .unwrap();
}

/// Returns `depth` nested arrays and objects, alternating.
fn nested(depth: usize) -> Value {
    let mut value = json!(1);
    for level in 0..depth {
        value = match level % 2 {
            0 => Value::Array(vec![value]),
            _ => Value::Object(Map::from_iter([("a".to_owned(), value)])),
        };
    }
    value
}

fn nested_text(depth: usize) -> String {
    let mut open = String::new();
    let mut close = String::new();
    for level in (0..depth).rev() {
        open.push_str(if level % 2 == 0 { "[" } else { r#"{"a":"# });
        close.push(if level % 2 == 0 { ']' } else { '}' });
    }
    format!("{open}1{}", close.chars().rev().collect::<String>())
}

/// A field with free JSON: the event's kind, the path, the number of levels around an inserted value, the insertion.
type FreeJsonField = (EventKind, &'static str, usize, fn(&mut DriverEvent, Value));

const FREE_JSON_FIELDS: [FreeJsonField; 5] = [
    (EventKind::GoalStarted, "goal.acceptance[2].args", 4, |event, value| {
        let DriverEvent::GoalStarted { goal } = event else {
            return;
        };
        let AcceptanceCriterion::Custom { args, .. } = &mut goal.acceptance[2] else {
            return;
        };
        *args = value;
    }),
    (EventKind::GoalStarted, "goal.metadata", 3, |event, value| {
        let DriverEvent::GoalStarted { goal } = event else {
            return;
        };
        goal.metadata.insert("deep".to_owned(), value);
    }),
    (EventKind::Decision, "decision.input", 2, |event, value| {
        let DriverEvent::Decision { decision } = event else {
            return;
        };
        decision.input = value;
    }),
    (
        EventKind::AttemptCompleted,
        "result.decisions_recorded[1].input",
        4,
        |event, value| {
            let DriverEvent::AttemptCompleted { result } = event else {
                return;
            };
            result.decisions_recorded[1].input = value;
        },
    ),
    (
        EventKind::AttemptCompleted,
        "result.harness_extras",
        3,
        |event, value| {
            let DriverEvent::AttemptCompleted { result } = event else {
                return;
            };
            result.harness_extras.insert("deep".to_owned(), value);
        },
    ),
];

fn with_free_json((kind, _, _, insert): FreeJsonField, value: Value) -> DriverEvent {
    let mut event = samples::first(kind);
    insert(&mut event, value);
    event
}

#[test]
fn encoder_refuses_100_000_levels() {
    on_a_small_stack(|| {
        for field in FREE_JSON_FIELDS {
            let (_, path, parent_depth, _) = field;
            let event = with_free_json(field, nested(100_000));
            let mut out = b"kept".to_vec();
            let error = event.write_json(&mut out).unwrap_err();
            assert_eq!((error.kind(), error.path()), (EncodeErrorKind::TooDeep, path));
            assert_eq!(error.event_kind(), event.kind());
            assert_eq!(error.message(), "JSON nests deeper than the limit of 64 levels");
            assert_eq!(out, b"kept");
            let max_depth = Limits::default().with_max_depth(usize::MAX);
            assert_eq!(
                event.write_json_with(&mut out, max_depth).unwrap_err().kind(),
                EncodeErrorKind::TooDeep
            );
            assert_eq!(event.free_json_depth(), parent_depth + 100_000);
            event.drop_iteratively();
        }
    });
}

#[test]
fn serialize_refuses_100_000_levels() {
    for field in FREE_JSON_FIELDS {
        let event = with_free_json(field, nested(100_000));
        let errors = [
            serde_json::to_string(&event).unwrap_err(),
            serde_json::to_value(&event).unwrap_err(),
        ];
        assert_eq!(errors.map(|error| error.to_string()), ["JSON nests too deep"; 2]);
        event.drop_iteratively();
    }
}

#[test]
fn decoder_refuses_100_000_levels() {
    on_a_small_stack(|| {
        let deep = nested_text(100_000);
        let any_size = Limits::default().with_max_bytes(usize::MAX);
        for (event, json) in samples::all() {
            let mut json = Node::parse(&json);
            // Any field will do, since the text is not parsed.
            let location = field_locations(&event, &json).pop().unwrap();
            *json.at(&location.steps()) = Node::Text(deep.clone());
            let text = json.render(Style::Compact);
            for limits in [any_size, any_size.with_max_depth(usize::MAX)] {
                let error = DriverEvent::from_json_with(text.as_bytes(), limits).unwrap_err();
                assert_eq!(error.kind(), DecodeErrorKind::TooDeep);
                assert_eq!(error.event_kind(), Some(event.kind().as_str()));
                assert!(matches!(text.as_bytes()[error.offset()], b'[' | b'{'));
                assert_eq!(Decoded::from_json_with(text.as_bytes(), limits).unwrap_err(), error);
            }
        }
        let unclosed = ["[", r#"{"a":"#].map(|open| open.repeat(100_000));
        for text in [deep.clone(), format!(r#"{{"x":{deep}}}"#)].into_iter().chain(unclosed) {
            let error = DriverEvent::from_json_with(text.as_bytes(), any_size).unwrap_err();
            assert_eq!(error.kind(), DecodeErrorKind::TooDeep);
        }
    });
}

#[test]
fn default_max_depth_is_exact_in_both_directions() {
    on_a_small_stack(|| assert_max_depth(Limits::default(), 64));
}

#[test]
fn configured_max_depth_is_exact_in_both_directions() {
    assert_max_depth(Limits::default().with_max_depth(10), 10);
    assert_max_depth(Limits::default().with_max_depth(126), 126);
    assert_max_depth(Limits::default().with_max_depth(Limits::MAX_DEPTH), 127);
    assert_max_depth(Limits::default().with_max_depth(usize::MAX), 127);
}

fn assert_max_depth(limits: Limits, max_depth: usize) {
    assert_eq!(limits.max_depth(), max_depth);
    for field in FREE_JSON_FIELDS {
        let (_, path, parent_depth, _) = field;
        let event = with_free_json(field, nested(max_depth - parent_depth));
        assert_eq!(event.free_json_depth(), max_depth);
        let mut json = Vec::new();
        event.write_json_with(&mut json, limits).unwrap();
        assert_eq!(DriverEvent::from_json_with(&json, limits).unwrap(), event);

        let event = with_free_json(field, nested(max_depth + 1 - parent_depth));
        let error = event.write_json_with(&mut json, limits).unwrap_err();
        assert_eq!((error.kind(), error.path()), (EncodeErrorKind::TooDeep, path));
        let text = serde_json::to_vec(&event).unwrap();
        let error = DriverEvent::from_json_with(&text, limits).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::TooDeep);
        assert!(matches!(text[error.offset()], b'[' | b'{'));
    }
}

#[test]
fn error_names_the_value_that_is_too_deep() {
    let limits = Limits::default().with_max_depth(10);
    for field in FREE_JSON_FIELDS {
        let (_, path, parent_depth, _) = field;
        // One array holds a value that is just within the limit, and one beyond it.
        let within = nested(9 - parent_depth);
        let event = with_free_json(field, json!([within.clone(), [within]]));
        let error = event.write_json_with(&mut Vec::new(), limits).unwrap_err();
        assert_eq!((error.kind(), error.path()), (EncodeErrorKind::TooDeep, path));
        assert_eq!(error.message(), "JSON nests deeper than the limit of 10 levels");
        // Empty arrays and objects are levels, too.
        for empty in [json!([]), json!({})] {
            let mut value = empty;
            for _ in 0..10 - parent_depth {
                value = json!([value]);
            }
            let event = with_free_json(field, value);
            assert_eq!(event.free_json_depth(), 11);
            let error = event.write_json_with(&mut Vec::new(), limits).unwrap_err();
            assert_eq!(error.kind(), EncodeErrorKind::TooDeep);
        }
    }
    // Another value of the event is just within the limit.
    for within in FREE_JSON_FIELDS {
        for beyond in FREE_JSON_FIELDS
            .into_iter()
            .filter(|beyond| beyond.0 == within.0 && beyond.1 != within.1)
        {
            let mut event = with_free_json(within, nested(10 - within.2));
            (beyond.3)(&mut event, nested(11 - beyond.2));
            let error = event.write_json_with(&mut Vec::new(), limits).unwrap_err();
            assert_eq!((error.kind(), error.path()), (EncodeErrorKind::TooDeep, beyond.1));
        }
    }
}

#[test]
fn brackets_in_strings_do_not_count() {
    let event = DriverEvent::Escalate {
        goal_id: crate::support::GOAL,
        reason: "[{".repeat(1000) + "\"[\\" + &"\\[".repeat(1000),
    };
    assert_eq!(decode(&encode(&event)), event);
    assert_eq!(event.free_json_depth(), 0);
}

#[test]
fn max_depth_counts_every_level_of_the_event() {
    for (event, json) in samples::all() {
        let event_depth = {
            let (mut depth, mut max_depth) = (0, 0);
            // No sample has brackets in its strings.
            for byte in json.bytes() {
                depth += i32::from(matches!(byte, b'{' | b'[')) - i32::from(matches!(byte, b'}' | b']'));
                max_depth = max_depth.max(depth);
            }
            usize::try_from(max_depth).unwrap()
        };
        let mut out = Vec::new();
        let limits = Limits::default().with_max_depth(event_depth);
        event.write_json_with(&mut out, limits).unwrap();
        assert_eq!(DriverEvent::from_json_with(json.as_bytes(), limits).unwrap(), event);
        let limits = limits.with_max_depth(event_depth - 1);
        assert_eq!(
            event.write_json_with(&mut out, limits).unwrap_err().kind(),
            EncodeErrorKind::TooDeep
        );
        let error = DriverEvent::from_json_with(json.as_bytes(), limits).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::TooDeep);
    }
}

/// A recursive drop of one of these values aborts the process.
#[test]
fn drop_iteratively_handles_every_free_json_field() {
    on_a_small_stack(|| {
        for field in FREE_JSON_FIELDS {
            let event = with_free_json(field, nested(100_000));
            assert!(event.free_json_depth() > 100_000);
            event.drop_iteratively();
        }
    });

    let without_indexes = |path: &str| path.replace(|char: char| char.is_ascii_digit(), "");
    let tested: BTreeSet<_> = FREE_JSON_FIELDS.map(|(_, path, ..)| without_indexes(path)).into();
    let mut in_contract = BTreeSet::new();
    for (event, json) in samples::all() {
        for location in field_locations(&event, &Node::parse(&json)) {
            if matches!(location.field.shape, Shape::Json | Shape::Map) {
                in_contract.insert(without_indexes(&location.path));
            }
        }
    }
    assert_eq!(tested, in_contract);
}

#[test]
fn max_bytes_is_exact_in_both_directions() {
    for (event, json) in samples::all() {
        let exactly = Limits::default().with_max_bytes(json.len());
        let mut out = b"kept".to_vec();
        event.write_json_with(&mut out, exactly).unwrap();
        assert_eq!(out.len(), 4 + json.len());
        assert_eq!(DriverEvent::from_json_with(json.as_bytes(), exactly).unwrap(), event);
        for bytes in 0..json.len() {
            let limits = exactly.with_max_bytes(bytes);
            let mut out = b"kept".to_vec();
            let error = event.write_json_with(&mut out, limits).unwrap_err();
            assert_eq!((error.kind(), error.path()), (EncodeErrorKind::TooLarge, ""));
            assert_eq!(error.message(), format!("event exceeds the limit of {bytes} bytes"));
            assert_eq!(out, b"kept");
            let error = DriverEvent::from_json_with(json.as_bytes(), limits).unwrap_err();
            assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::TooLarge, bytes));
        }
    }
}

#[test]
fn default_max_bytes_is_512_kib() {
    let event = |length: usize| DriverEvent::Escalate {
        goal_id: crate::support::GOAL,
        reason: "x".repeat(length),
    };
    let empty = encode(&event(0)).len();
    let largest = encode(&event(512 * 1024 - empty));
    assert_eq!(largest.len(), 524_288);
    assert_eq!(encode(&decode(&largest)), largest);
    let too_large = event(512 * 1024 - empty + 1);
    assert_eq!(too_large.to_json().unwrap_err().kind(), EncodeErrorKind::TooLarge);
    let text = serde_json::to_vec(&too_large).unwrap();
    assert_eq!(
        DriverEvent::from_json(&text).unwrap_err().kind(),
        DecodeErrorKind::TooLarge
    );
}

fn compact(token_pressure: f64, pct: f64) -> DriverEvent {
    DriverEvent::CompactRequested {
        goal_id: crate::support::GOAL,
        turn_index: 0,
        focus: String::new(),
        token_pressure,
        before_tokens: 0,
        age_minutes: 0,
        trigger: CompactTrigger::TokenPressure {
            pct,
            tokens_used: 0,
            context_window: 0,
        },
    }
}

#[test]
fn not_finite_floats_are_refused_with_their_path() {
    for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -f64::NAN] {
        for (event, path) in [
            (compact(float, 0.0), "token_pressure"),
            (compact(0.0, float), "trigger.pct"),
        ] {
            let mut out = b"kept".to_vec();
            let error = event.write_json(&mut out).unwrap_err();
            assert_eq!((error.kind(), error.path()), (EncodeErrorKind::NotFinite, path));
            let message = "float is not finite: JSON cannot represent NaN or infinity";
            assert_eq!(error.to_string(), format!("compact_requested.{path}: {message}"));
            assert_eq!(out, b"kept");
            assert_eq!(serde_json::to_string(&event).unwrap_err().to_string(), message);
            assert_eq!(serde_json::to_value(&event).unwrap_err().to_string(), message);
        }
    }
    assert_eq!(
        encode(&decode(&encode(&compact(f64::MAX, f64::MIN)))),
        encode(&compact(f64::MAX, f64::MIN))
    );
}

/// Returns copies of the event, each with one of its times replaced, and the path of that time.
fn with_time(event: &DriverEvent, time: DateTime<Utc>) -> Vec<(DriverEvent, &'static str)> {
    let mut found = Vec::new();
    let mut add = |path, set: fn(&mut DriverEvent) -> Option<&mut DateTime<Utc>>| {
        let mut event = event.clone();
        if let Some(field) = set(&mut event) {
            *field = time;
            found.push((event, path));
        }
    };
    add("outcome.acceptance.evaluated_at", |event| match event {
        DriverEvent::GoalCompleted { outcome } => outcome.acceptance.as_mut().map(|verdict| &mut verdict.evaluated_at),
        _ => None,
    });
    add("result.acceptance.evaluated_at", |event| match event {
        DriverEvent::AttemptCompleted { result } => result.acceptance.as_mut().map(|verdict| &mut verdict.evaluated_at),
        _ => None,
    });
    add("result.decisions_recorded[1].decided_at", |event| match event {
        DriverEvent::AttemptCompleted { result } => result
            .decisions_recorded
            .get_mut(1)
            .map(|decision| &mut decision.decided_at),
        _ => None,
    });
    add("decision.decided_at", |event| match event {
        DriverEvent::Decision { decision } => Some(&mut decision.decided_at),
        _ => None,
    });
    add("verdict.evaluated_at", |event| match event {
        DriverEvent::Acceptance { verdict, .. } => Some(&mut verdict.evaluated_at),
        _ => None,
    });
    found
}

#[test]
fn years_beyond_four_digits_are_refused_with_their_path() {
    let last = samples::time("9999-12-31T23:59:59.999999999Z");
    let first = samples::time("0000-01-01T00:00:00Z");
    let nanosecond = TimeDelta::nanoseconds(1);
    let mut paths = BTreeSet::new();
    for (event, _) in samples::all() {
        for time in [last, first] {
            for (event, _) in with_time(&event, time) {
                assert_eq!(decode(&encode(&event)), event);
            }
        }
        for time in [
            last + nanosecond,
            first - nanosecond,
            DateTime::<Utc>::MAX_UTC,
            DateTime::<Utc>::MIN_UTC,
        ] {
            for (event, path) in with_time(&event, time) {
                let error = event.to_json().unwrap_err();
                assert_eq!((error.kind(), error.path()), (EncodeErrorKind::OutOfRange, path));
                let message = "time out of range: RFC 3339 allows the years 0000 to 9999 in UTC";
                assert_eq!(error.message(), message);
                assert_eq!(serde_json::to_string(&event).unwrap_err().to_string(), message);
                paths.insert(path.replace("[1]", "[0]"));
            }
        }
    }
    // The test covers every time in the contract.
    let mut in_contract = BTreeSet::new();
    for (event, json) in samples::all() {
        let locations = field_locations(&event, &Node::parse(&json));
        let times = locations
            .into_iter()
            .filter(|location| location.field.shape == Shape::Time);
        in_contract.extend(times.map(|location| location.path.replace("[1]", "[0]")));
    }
    assert_eq!(paths, in_contract);
}

/// `cargo xtask test` runs this with and without `arbitrary_precision`, the only way to have such a number in a `Value`.
#[test]
fn out_of_range_numbers_are_refused_with_their_path() {
    let number = match serde_json::from_str::<Value>("1e400") {
        Ok(number) => number,
        Err(error) => {
            assert_eq!(error.to_string(), "number out of range at line 1 column 5");
            return;
        }
    };
    for field in FREE_JSON_FIELDS {
        let (_, path, _, _) = field;
        let event = with_free_json(field, json!([{"a": number.clone()}]));
        let error = event.to_json().unwrap_err();
        assert_eq!((error.kind(), error.path()), (EncodeErrorKind::OutOfRange, path));
        assert_eq!(error.message(), "number exceeds the range of a 64-bit float");
    }
    let json: Value = serde_json::from_str(&encode(&compact(0.5, 0.5)).replace("0.5", "1e400")).unwrap();
    let error = serde_json::from_value::<DriverEvent>(json).unwrap_err();
    assert_eq!(error.to_string(), "number exceeds the range of a 64-bit float");
}

/// `cargo xtask bench codec` shows that the time grows linearly with the length.
#[test]
fn wide_hostile_text_is_judged_by_kind() {
    let wide = |piece: &str, around: (&str, &str)| {
        let count = (500 * 1024 - around.0.len() - around.1.len()) / (piece.len() + 1);
        let text = format!("{}{}{}", around.0, vec![piece; count].join(","), around.1);
        assert!(text.len() <= 512 * 1024);
        text
    };
    let digits = "9".repeat(500 * 1024);
    let half = "9".repeat(250 * 1024);
    let invalid = Err(DecodeErrorKind::Invalid);
    let cases = [
        (wide(r#""a":1"#, (r#"{"kind":"escalate","#, "}")), invalid),
        (wide(r#""kind":"escalate""#, ("{", "}")), invalid),
        (
            wide(r#""x":{"kind":"y"}"#, ("{", r#","kind":"goal_paused"}"#)),
            Ok("kind"),
        ),
        (
            wide(
                r#"{"kind":"new"}"#,
                (r#"{"kind":"goal_started","goal":{"acceptance":["#, "]}}"),
            ),
            invalid,
        ),
        (
            wide(
                r#"{"kind":"done","kind":"done"}"#,
                (r#"{"goal":{"acceptance":["#, r#"]},"kind":"goal_started"}"#),
            ),
            invalid,
        ),
        (
            wide("[]", (r#"{"decision":{"input":["#, r#"]},"kind":"decision"}"#)),
            invalid,
        ),
        (wide("[[[[", ("", "")), Err(DecodeErrorKind::TooDeep)),
        (
            format!(r#"{{"kind":"decision","decision":{{"input":{digits}}}}}"#),
            invalid,
        ),
        (
            format!(r#"{{"kind":"decision","decision":{{"input":0.{half}e-{half}}}}}"#),
            invalid,
        ),
        (
            format!(
                r#"{{"kind":"attempt_started","usage":{{"wall_time":"{}"}}}}"#,
                "1s ".repeat(170_000)
            ),
            invalid,
        ),
        (
            format!(r#"{{"kind":"escalate","goal_id":"{}"}}"#, r"\u001b".repeat(80_000)),
            invalid,
        ),
        ("\n".repeat(512 * 1024), Err(DecodeErrorKind::Syntax)),
    ];
    for (text, expected) in cases {
        let decoded = Decoded::from_json(text.as_bytes());
        let found = match &decoded {
            Ok(Decoded::Unknown { path, .. }) => Ok(path.as_str()),
            Ok(Decoded::Known(event)) => panic!("decoded as {}", event.kind()),
            Err(error) => Err(error.kind()),
        };
        assert_eq!(found, expected, "{} …", &text[..60]);
    }
}

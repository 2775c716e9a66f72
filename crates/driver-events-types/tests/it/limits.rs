//! What is too large, too deep or cannot be written is refused, on both sides, and nothing overflows a stack.

use driver_events_types::chrono::{DateTime, TimeDelta, Utc};
use driver_events_types::contract::Shape;
use driver_events_types::serde_json::{Map, Value, json};
use driver_events_types::{
    AcceptanceCriterion, CompactTrigger, DecodeErrorKind, Decoded, DriverEvent, EncodeErrorKind, EventKind, Limits,
};

use crate::support::places::places;
use crate::support::tree::{Node, Style};
use crate::support::{decode, encode, samples};

/// Runs on a stack that a recursion of some hundred levels overflows.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(test)
        .unwrap()
        .join()
        .unwrap();
}

/// Arrays and objects in turn, `depth` of them inside of one another.
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

/// A kind with free JSON, the path of it, the number of levels around a value that is put there, and how it is put.
type Place = (EventKind, &'static str, usize, fn(&mut DriverEvent, Value));

const FREE_JSON: [Place; 5] = [
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

fn with_free_json((kind, _, _, put): Place, value: Value) -> DriverEvent {
    let mut event = samples::first(kind);
    put(&mut event, value);
    event
}

#[test]
fn a_hundred_thousand_levels_are_refused_by_the_encoder() {
    on_a_small_stack(|| {
        for place in FREE_JSON {
            let (_, path, around, _) = place;
            let event = with_free_json(place, nested(100_000));
            let mut out = b"kept".to_vec();
            let error = event.write_json(&mut out).unwrap_err();
            assert_eq!((error.kind(), error.path()), (EncodeErrorKind::TooDeep, path));
            assert_eq!(error.event_kind(), event.kind());
            assert_eq!(out, b"kept");
            let deepest_allowed = Limits::default().with_max_depth(usize::MAX);
            assert_eq!(
                event.write_json_with(&mut out, deepest_allowed).unwrap_err().kind(),
                EncodeErrorKind::TooDeep
            );
            assert_eq!(event.free_json_depth(), around + 100_000);
            event.dismantle();
        }
    });
}

#[test]
fn a_hundred_thousand_levels_are_refused_by_serdes_trait() {
    for place in FREE_JSON {
        let event = with_free_json(place, nested(100_000));
        assert!(serde_json::to_string(&event).is_err());
        assert!(serde_json::to_value(&event).is_err());
        event.dismantle();
    }
}

#[test]
fn a_hundred_thousand_levels_are_refused_by_the_decoder() {
    on_a_small_stack(|| {
        let deep = nested_text(100_000);
        let any_size = Limits::default().with_max_bytes(usize::MAX);
        for (event, json) in samples::all() {
            let mut json = Node::parse(&json);
            // The last field stands for them all: nothing is parsed.
            let place = places(&event, &json).pop().unwrap();
            *json.at(&place.steps()) = Node::Text(deep.clone());
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
fn the_default_depth_passes_and_one_more_is_refused_on_both_sides() {
    on_a_small_stack(|| assert_deepest(Limits::default(), 64));
}

#[test]
fn the_depth_that_a_caller_sets_passes_and_one_more_is_refused_on_both_sides() {
    assert_deepest(Limits::default().with_max_depth(10), 10);
    assert_deepest(Limits::default().with_max_depth(126), 126);
    assert_deepest(Limits::default().with_max_depth(Limits::DEEPEST), 127);
    assert_deepest(Limits::default().with_max_depth(usize::MAX), 127);
}

fn assert_deepest(limits: Limits, deepest: usize) {
    assert_eq!(limits.max_depth(), deepest);
    for place in FREE_JSON {
        let (_, path, around, _) = place;
        let event = with_free_json(place, nested(deepest - around));
        assert_eq!(event.free_json_depth(), deepest);
        let mut json = Vec::new();
        event.write_json_with(&mut json, limits).unwrap();
        assert_eq!(DriverEvent::from_json_with(&json, limits).unwrap(), event);

        let event = with_free_json(place, nested(deepest + 1 - around));
        let error = event.write_json_with(&mut json, limits).unwrap_err();
        assert_eq!((error.kind(), error.path()), (EncodeErrorKind::TooDeep, path));
        let text = serde_json::to_vec(&event).unwrap();
        let error = DriverEvent::from_json_with(&text, limits).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::TooDeep);
        assert!(matches!(text[error.offset()], b'[' | b'{'));
    }
}

#[test]
fn brackets_inside_of_strings_do_not_nest() {
    let event = DriverEvent::Escalate {
        goal_id: crate::support::GOAL,
        reason: "[{".repeat(1000) + "\"[\\" + &"\\[".repeat(1000),
    };
    assert_eq!(decode(&encode(&event)), event);
    assert_eq!(event.free_json_depth(), 0);
}

#[test]
fn the_limit_of_depth_counts_every_level_of_the_event() {
    for (event, json) in samples::all() {
        let deepest = {
            let (mut depth, mut deepest) = (0, 0);
            // No sample has brackets inside of its strings.
            for byte in json.bytes() {
                depth += i32::from(matches!(byte, b'{' | b'[')) - i32::from(matches!(byte, b'}' | b']'));
                deepest = deepest.max(depth);
            }
            usize::try_from(deepest).unwrap()
        };
        let mut out = Vec::new();
        let limits = Limits::default().with_max_depth(deepest);
        event.write_json_with(&mut out, limits).unwrap();
        assert_eq!(DriverEvent::from_json_with(json.as_bytes(), limits).unwrap(), event);
        let limits = limits.with_max_depth(deepest - 1);
        assert_eq!(
            event.write_json_with(&mut out, limits).unwrap_err().kind(),
            EncodeErrorKind::TooDeep
        );
        let error = DriverEvent::from_json_with(json.as_bytes(), limits).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::TooDeep);
    }
}

#[test]
fn dismantling_takes_events_of_every_kind() {
    for (event, _) in samples::all() {
        event.dismantle();
    }
}

#[test]
fn the_limit_of_bytes_is_exact_on_both_sides() {
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
            assert_eq!(out, b"kept");
            let error = DriverEvent::from_json_with(json.as_bytes(), limits).unwrap_err();
            assert_eq!((error.kind(), error.offset()), (DecodeErrorKind::TooLarge, bytes));
        }
    }
}

#[test]
fn the_default_limit_of_bytes_is_512_kib() {
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
fn floats_that_json_cannot_write_are_refused_with_their_path() {
    for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -f64::NAN] {
        for (event, path) in [
            (compact(float, 0.0), "token_pressure"),
            (compact(0.0, float), "trigger.pct"),
        ] {
            let mut out = b"kept".to_vec();
            let error = event.write_json(&mut out).unwrap_err();
            assert_eq!((error.kind(), error.path()), (EncodeErrorKind::NotFinite, path));
            assert_eq!(
                error.to_string(),
                format!("compact_requested.{path}: {}", error.message())
            );
            assert_eq!(out, b"kept");
            assert!(serde_json::to_string(&event).is_err());
            assert!(serde_json::to_value(&event).is_err());
        }
    }
    assert_eq!(
        encode(&decode(&encode(&compact(f64::MAX, f64::MIN)))),
        encode(&compact(f64::MAX, f64::MIN))
    );
}

/// The event with its n-th time set, and the path of it.
fn with_time(event: &DriverEvent, time: DateTime<Utc>) -> Vec<(DriverEvent, &'static str)> {
    let mut found = Vec::new();
    let mut add = |path, set: fn(&mut DriverEvent) -> Option<&mut DateTime<Utc>>| {
        let mut event = event.clone();
        if let Some(place) = set(&mut event) {
            *place = time;
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
fn years_of_more_than_four_digits_are_refused_with_their_path() {
    let last = samples::time("9999-12-31T23:59:59.999999999Z");
    let first = samples::time("0000-01-01T00:00:00Z");
    let nanosecond = TimeDelta::nanoseconds(1);
    let mut paths = std::collections::BTreeSet::new();
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
                assert!(serde_json::to_string(&event).is_err());
                paths.insert(path.replace("[1]", "[0]"));
            }
        }
    }
    // Those are all the times that there are.
    let mut in_contract = std::collections::BTreeSet::new();
    for (event, json) in samples::all() {
        let places = places(&event, &Node::parse(&json));
        let times = places.into_iter().filter(|place| place.field.shape == Shape::Time);
        in_contract.extend(times.map(|place| place.path.replace("[1]", "[0]")));
    }
    assert_eq!(paths, in_contract);
}

/// Only with serde_json's `arbitrary_precision` is there a number that no float can hold.
#[test]
fn numbers_in_free_json_that_no_float_can_hold_are_refused_with_their_path() {
    let Ok(number) = serde_json::from_str::<Value>("1e400") else {
        return;
    };
    for place in FREE_JSON {
        let (_, path, _, _) = place;
        let event = with_free_json(place, json!([{"a": number.clone()}]));
        let error = event.to_json().unwrap_err();
        assert_eq!((error.kind(), error.path()), (EncodeErrorKind::OutOfRange, path));
    }
    let json: Value = serde_json::from_str(&encode(&compact(0.5, 0.5)).replace("0.5", "1e400")).unwrap();
    assert!(serde_json::from_value::<DriverEvent>(json).is_err());
}

/// What takes long grows with the square of the text. The bound is far above what is needed, and far below that.
#[test]
fn wide_hostile_text_takes_no_more_than_its_share() {
    let wide = |piece: &str, around: (&str, &str)| {
        let count = (500 * 1024 - around.0.len() - around.1.len()) / (piece.len() + 1);
        let text = format!("{}{}{}", around.0, vec![piece; count].join(","), around.1);
        assert!(text.len() <= 512 * 1024);
        text
    };
    let digits = "9".repeat(500 * 1024);
    let texts = [
        wide(r#""a":1"#, (r#"{"kind":"escalate","#, "}")),
        wide(r#""kind":"escalate""#, ("{", "}")),
        wide(r#""x":{"kind":"y"}"#, ("{", r#","kind":"goal_paused"}"#)),
        wide(
            r#"{"kind":"new"}"#,
            (r#"{"kind":"goal_started","goal":{"acceptance":["#, "]}}"),
        ),
        wide(
            r#"{"kind":"done","kind":"done"}"#,
            (r#"{"goal":{"acceptance":["#, r#"]},"kind":"goal_started"}"#),
        ),
        wide("[]", (r#"{"decision":{"input":["#, r#"]},"kind":"decision"}"#)),
        wide("[[[[", ("", "")),
        format!(r#"{{"kind":"decision","decision":{{"input":{digits}}}}}"#),
        format!(r#"{{"kind":"decision","decision":{{"input":0.{digits}e-{digits}}}}}"#),
        format!(
            r#"{{"kind":"attempt_started","usage":{{"wall_time":"{}"}}}}"#,
            "1s ".repeat(170_000)
        ),
        format!(r#"{{"kind":"escalate","goal_id":"{}"}}"#, r"\u001b".repeat(80_000)),
        "\n".repeat(512 * 1024),
    ];
    for text in texts {
        let start = std::time::Instant::now();
        let decoded = Decoded::from_json(text.as_bytes());
        let elapsed = start.elapsed();
        assert!(elapsed.as_secs() < 5, "{elapsed:?} for {} …", &text[..60]);
        drop(decoded);
    }
}

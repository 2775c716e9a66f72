//! Events that no fixture has: every field of the contract, with random values. Equal seeds give equal events.

use std::time::Duration;

use chrono::DateTime;
use driver_events_core::conformance::samples::hostile_texts;
use driver_events_types::EventKind;
use driver_events_types::contract::{Field, Presence, Shape};
use fastrand::Rng;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Returns valid events of all kinds. One in four has a field that this version does not know.
pub(super) fn events(seed: u64, count: usize) -> Vec<Value> {
    let mut rng = Rng::with_seed(seed);
    let kinds = EventKind::ALL.iter().cycle().take(count);
    let event = |kind: &EventKind| {
        let mut event = object(&mut rng, Some(kind.as_str()), kind.fields());
        if rng.u8(..4) == 0 {
            event.insert("field_of_2030".into(), free_json(&mut rng, 3));
        }
        Value::Object(event)
    };
    kinds.map(event).collect()
}

/// Returns the event with one change that may make it unknown or malformed: a value is replaced, removed or added.
pub(super) fn changed(rng: &mut Rng, mut event: Value) -> Value {
    change(rng, &mut event);
    event
}

fn change(rng: &mut Rng, value: &mut Value) {
    let is_last = rng.u8(..3) == 0;
    match value {
        Value::Object(members) if !members.is_empty() => {
            let name = members.keys().nth(rng.usize(..members.len())).unwrap().clone();
            match (is_last, rng.bool()) {
                (true, true) => drop(members.remove(&name)),
                (true, false) => drop(members.insert("kind".into(), "kind_of_2030".into())),
                (false, _) => change(rng, members.get_mut(&name).unwrap()),
            }
        }
        Value::Array(values) if !values.is_empty() && !is_last => {
            let index = rng.usize(..values.len());
            change(rng, &mut values[index]);
        }
        _ => *value = other_value(rng),
    }
}

/// A value that is wrong in many places, and valid or unknown in others.
fn other_value(rng: &mut Rng) -> Value {
    let values = json!([
        null, true, -1, 0.5, 4_294_967_296_u64, u64::MAX, "", "turns", "value_of_2030", "1h 5 fortnights", "1.5h", "0",
        "2026-02-30T00:00:00Z", "2026-12-31T23:59:60.5+01:00", "{6F2C1F0E-8F5B-4F53-9D7C-0B1F6A0C1A01}", [], [{}], {},
        { "kind": "kind_of_2030" }, { "kind": "done" }, { "kind": 5 }, { "turns": 1, "wall_time": "1s", "tokens": 2 }
    ]);
    values[rng.usize(..values.as_array().unwrap().len())].clone()
}

fn object(rng: &mut Rng, kind: Option<&str>, fields: &[Field]) -> Map<String, Value> {
    let mut members = Map::new();
    if let Some(kind) = kind {
        members.insert("kind".into(), kind.into());
    }
    for field in fields {
        let choice = rng.u8(..4);
        let value = match (field.presence, choice) {
            (Presence::Required, _) | (_, 1..) => value(rng, field.shape),
            (Presence::OmittedWhenNone | Presence::NullWhenNone, 0) if rng.bool() => Value::Null,
            _ => continue,
        };
        members.insert(field.name.into(), value);
    }
    members
}

fn value(rng: &mut Rng, shape: Shape) -> Value {
    match shape {
        Shape::Text => text(rng).into(),
        Shape::Bool => rng.bool().into(),
        Shape::I32 => rng.i32(..).into(),
        Shape::U32 => rng.u32(..).into(),
        Shape::U64 => [u64::MAX, 1 << 53, rng.u64(..)][rng.usize(..3)].into(),
        Shape::F64 => float(rng).into(),
        Shape::Id => Uuid::from_u128(rng.u128(..)).to_string().into(),
        Shape::Time => {
            let seconds = rng.i64(-62_167_219_200..=253_402_300_799);
            let time = DateTime::from_timestamp(seconds, rng.u32(..1_000_000_000)).unwrap();
            time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true).into()
        }
        Shape::Duration => {
            let duration = Duration::new(rng.u64(..) >> rng.u32(..64), rng.u32(..1_000_000_000));
            humantime::format_duration(duration).to_string().into()
        }
        Shape::Json => free_json(rng, 3),
        Shape::Map => Value::Object((0..rng.u8(..3)).map(|_| (text(rng), free_json(rng, 2))).collect()),
        Shape::Array(items) => (0..rng.u8(..3)).map(|_| value(rng, *items)).collect(),
        Shape::Struct(shape) => object(rng, None, shape.fields).into(),
        Shape::Tagged(shape) => {
            let variant = &shape.kinds[rng.usize(..shape.kinds.len())];
            object(rng, Some(variant.name), variant.fields).into()
        }
        Shape::OneOf(shape) => shape.values[rng.usize(..shape.values.len())].name.into(),
        other => panic!("no values for {other:?}"),
    }
}

fn text(rng: &mut Rng) -> String {
    let mut texts = hostile_texts();
    // Long texts cost time and find nothing.
    texts.retain(|text| text.len() < 1000);
    texts.swap_remove(rng.usize(..texts.len()))
}

fn float(rng: &mut Rng) -> f64 {
    let float = f64::from_bits(rng.u64(..));
    if float.is_finite() { float } else { f64::MIN_POSITIVE }
}

fn free_json(rng: &mut Rng, depth: u8) -> Value {
    match rng.u8(..if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => rng.bool().into(),
        2 => rng.i64(..).into(),
        3 => float(rng).into(),
        4 => text(rng).into(),
        5 => (0..rng.u8(..3)).map(|_| free_json(rng, depth - 1)).collect(),
        _ => Value::Object(
            (0..rng.u8(..3))
                .map(|_| (text(rng), free_json(rng, depth - 1)))
                .collect(),
        ),
    }
}

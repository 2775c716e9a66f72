//! How deep JSON nests, found and taken apart without recursion: a value that is too deep overflows the stack of
//! whoever descends into it, or merely drops it.

use serde_json::{Map, Value};

/// The deepest nesting that serde_json parses.
pub(crate) const DEEPEST: usize = 127;

/// The nesting of arrays and objects in JSON text; 0 for a scalar. Exact for valid JSON.
///
/// Answers early: anything up to `enough` stands for "no deeper than that".
pub(crate) fn of_text(text: &[u8], enough: usize) -> usize {
    // There can be no deeper nesting than there are brackets. Most events have few, and counting is much faster than
    // following strings.
    let brackets = opening_brackets(text);
    if brackets <= enough {
        return brackets;
    }
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let mut in_string = false;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match (in_string, byte) {
            (true, b'\\') => {
                bytes.next();
            }
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Counts in chunks whose sum fits a byte, which the compiler turns into vector instructions.
fn opening_brackets(text: &[u8]) -> usize {
    const BIT_BETWEEN_BRACKETS: u8 = b'{' ^ b'[';
    let is_opening = |byte: &u8| u8::from(byte | BIT_BETWEEN_BRACKETS == b'{');
    let in_chunk = |chunk: &[u8]| usize::from(chunk.iter().map(is_opening).sum::<u8>());
    text.chunks(usize::from(u8::MAX)).map(in_chunk).sum()
}

/// The nesting of arrays and objects in a value; 0 for a scalar.
pub(crate) fn of_value(value: &Value) -> usize {
    let mut deepest = 0;
    let mut open = Vec::new();
    push_container(value, 1, &mut open);
    while let Some((container, depth)) = open.pop() {
        deepest = deepest.max(depth);
        match container {
            Value::Array(values) => values
                .iter()
                .for_each(|value| push_container(value, depth + 1, &mut open)),
            Value::Object(map) => map
                .values()
                .for_each(|value| push_container(value, depth + 1, &mut open)),
            _ => {}
        }
    }
    deepest
}

/// The nesting of an object: at least 1.
pub(crate) fn of_map(map: &Map<String, Value>) -> usize {
    1 + map.values().map(of_value).max().unwrap_or(0)
}

fn push_container<'a>(value: &'a Value, depth: usize, open: &mut Vec<(&'a Value, usize)>) {
    if matches!(value, Value::Array(_) | Value::Object(_)) {
        open.push((value, depth));
    }
}

/// Drops values of any depth.
pub(crate) fn dismantle(values: impl IntoIterator<Item = Value>) {
    let mut open: Vec<Value> = values.into_iter().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::Array(values) => open.extend(values),
            Value::Object(map) => open.extend(map.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
}

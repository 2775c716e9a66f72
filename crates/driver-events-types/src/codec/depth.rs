//! How deep JSON nests, found and taken apart without recursion: a value that is too deep overflows the stack of
//! whoever descends into it, or merely drops it.

use serde_json::{Map, Value};

/// The deepest nesting that serde_json parses.
pub(crate) const DEEPEST: usize = 127;

/// Where JSON text first nests arrays and objects deeper than `limit`. Exact for valid JSON.
pub(crate) fn exceeded_at(text: &[u8], limit: usize) -> Option<usize> {
    // There can be no deeper nesting than there are brackets. Most events have few, and counting is much faster than
    // following strings.
    if opening_brackets(text) <= limit {
        return None;
    }
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut bytes = text.iter().enumerate();
    while let Some((offset, byte)) = bytes.next() {
        match (in_string, byte) {
            (true, b'\\') => {
                bytes.next();
            }
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => {
                depth += 1;
                if depth > limit {
                    return Some(offset);
                }
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
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
    walk(value, |_, depth| deepest = deepest.max(depth));
    deepest
}

/// The nesting of an object: at least 1.
pub(crate) fn of_map(map: &Map<String, Value>) -> usize {
    1 + map.values().map(of_value).max().unwrap_or(0)
}

/// Shows the value and all that is inside of it, each with the number of arrays and objects down to it, itself
/// included.
pub(crate) fn walk<'a>(value: &'a Value, mut see: impl FnMut(&'a Value, usize)) {
    // Only what has an inside is kept for later: most values have none.
    let mut open = Vec::new();
    let mut visit = |value: &'a Value, around: usize, open: &mut Vec<(&'a Value, usize)>| match value {
        Value::Array(_) | Value::Object(_) => {
            see(value, around + 1);
            open.push((value, around + 1));
        }
        _ => see(value, around),
    };
    visit(value, 0, &mut open);
    while let Some((container, depth)) = open.pop() {
        match container {
            Value::Array(values) => values.iter().for_each(|value| visit(value, depth, &mut open)),
            Value::Object(map) => map.values().for_each(|value| visit(value, depth, &mut open)),
            _ => {}
        }
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

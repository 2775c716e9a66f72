//! Measures and drops nested JSON without recursion. Recursing into a value that is too deep overflows the stack, and so
//! does the drop glue of [`Value`].

use serde_json::{Map, Value};

/// Maximum nesting depth that serde_json parses, in levels.
pub(crate) const MAX_DEPTH: usize = 127;

/// Returns the offset of the first bracket that nests deeper than `limit`. Exact for valid JSON.
pub(crate) fn find_deeper_than(text: &[u8], limit: usize) -> Option<usize> {
    // The depth is at most the number of brackets. Most events have few, and counting is much faster than tracking
    // strings.
    if count_opening_brackets(text) <= limit {
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

/// Counts in chunks whose sum fits a byte, so that the compiler vectorises the loop.
fn count_opening_brackets(text: &[u8]) -> usize {
    // `[` and `{` differ in this bit alone.
    const BRACE_BIT: u8 = b'{' ^ b'[';
    let is_opening = |byte: &u8| u8::from(byte | BRACE_BIT == b'{');
    let in_chunk = |chunk: &[u8]| usize::from(chunk.iter().map(is_opening).sum::<u8>());
    text.chunks(usize::from(u8::MAX)).map(in_chunk).sum()
}

/// Returns the nesting depth of a value; 0 for a scalar.
pub(crate) fn of_value(value: &Value) -> usize {
    let mut max_depth = 0;
    for_each_value(value, |_, depth| max_depth = max_depth.max(depth));
    max_depth
}

/// Returns the nesting depth of an object; at least 1.
pub(crate) fn of_map(map: &Map<String, Value>) -> usize {
    1 + map.values().map(of_value).max().unwrap_or(0)
}

/// Visits the value and every value inside it, each with its depth: the number of arrays and objects from the root to
/// it, itself included.
pub(crate) fn for_each_value<'a>(value: &'a Value, mut visit: impl FnMut(&'a Value, usize)) {
    // Only containers are pushed: most values are scalars.
    let mut pending = Vec::new();
    let mut visit_one = |value: &'a Value, parent_depth: usize, pending: &mut Vec<(&'a Value, usize)>| match value {
        Value::Array(_) | Value::Object(_) => {
            visit(value, parent_depth + 1);
            pending.push((value, parent_depth + 1));
        }
        _ => visit(value, parent_depth),
    };
    visit_one(value, 0, &mut pending);
    while let Some((container, depth)) = pending.pop() {
        match container {
            Value::Array(values) => values.iter().for_each(|value| visit_one(value, depth, &mut pending)),
            Value::Object(map) => map.values().for_each(|value| visit_one(value, depth, &mut pending)),
            _ => {}
        }
    }
}

/// Drops values of any depth.
pub(crate) fn drop_iteratively(values: impl IntoIterator<Item = Value>) {
    let mut pending: Vec<Value> = values.into_iter().collect();
    while let Some(value) = pending.pop() {
        match value {
            Value::Array(values) => pending.extend(values),
            Value::Object(map) => pending.extend(map.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
}

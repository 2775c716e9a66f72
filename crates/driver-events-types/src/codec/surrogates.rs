const HIGH: std::ops::RangeInclusive<u16> = 0xd800..=0xdbff;
const LOW: std::ops::RangeInclusive<u16> = 0xdc00..=0xdfff;

/// Length of `\uXXXX`.
const ESCAPE_BYTES: usize = 6;

/// Replaces the escapes of lone surrogates in a JSON text with `\ufffd`, the replacement character. Returns `None` if the
/// text has none.
///
/// JavaScript writes `"\ud83d"` for a string that was cut inside an emoji. It is no Unicode text: `serde_json` refuses it.
/// [`from_json`](crate::DriverEvent::from_json) decodes it as this function replaces it; a reader that parses the JSON
/// itself calls this function if its parser fails. The length does not change, so positions are the same in both texts.
///
/// # Examples
/// ```
/// use driver_events_types::replace_lone_surrogates;
///
/// let replaced = replace_lone_surrogates(br#"{"cut":"\ud83d","whole":"\ud83d\ude00"}"#);
/// assert_eq!(replaced.as_deref(), Some(&br#"{"cut":"\ufffd","whole":"\ud83d\ude00"}"#[..]));
/// assert_eq!(replace_lone_surrogates(br#"{"text":"\\ud83d"}"#), None);
/// ```
#[must_use]
pub fn replace_lone_surrogates(json: &[u8]) -> Option<Vec<u8>> {
    let mut replaced = None;
    let mut offset = 0;
    while let Some(found) = json.get(offset..)?.iter().position(|byte| *byte == b'\\') {
        offset += found;
        match code_unit_at(json, offset) {
            // Another escape, of two bytes. The second may be a backslash.
            None => offset += 2,
            Some(unit) if HIGH.contains(&unit) && is_low(code_unit_at(json, offset + ESCAPE_BYTES)) => {
                offset += 2 * ESCAPE_BYTES;
            }
            Some(unit) => {
                let end = offset + ESCAPE_BYTES;
                if HIGH.contains(&unit) || LOW.contains(&unit) {
                    let copy = replaced.get_or_insert_with(|| json.to_vec());
                    if let Some(escape) = copy.get_mut(offset..end) {
                        escape.copy_from_slice(br"\ufffd");
                    }
                }
                offset = end;
            }
        }
        offset = offset.min(json.len());
    }
    replaced
}

fn is_low(unit: Option<u16>) -> bool {
    unit.is_some_and(|unit| LOW.contains(&unit))
}

/// Returns the UTF-16 code unit of an escape `\uXXXX`.
fn code_unit_at(json: &[u8], offset: usize) -> Option<u16> {
    let escape = json.get(offset..offset.checked_add(ESCAPE_BYTES)?)?;
    let digits = escape.strip_prefix(br"\u")?;
    digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}

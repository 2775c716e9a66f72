//! Escapes untrusted text for a terminal.

use std::ops::RangeInclusive;

/// Appends the escaped text, truncated after `max_chars` characters with `…`. Returns the number of characters written.
pub(super) fn write_text(text: impl Iterator<Item = char>, max_chars: usize, out: &mut Vec<u8>) -> usize {
    let mut written = 0;
    for character in text {
        let escaped = must_be_escaped(character).then(|| escape(character));
        let width = escaped.as_ref().map_or(1, String::len);
        if written + width > max_chars {
            out.extend_from_slice("…".as_bytes());
            return written + 1;
        }
        written += width;
        match escaped {
            Some(escaped) => out.extend_from_slice(escaped.as_bytes()),
            None => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    written
}

/// Returns the JSON without white space between tokens.
pub(super) fn compact(json: &str) -> impl Iterator<Item = char> {
    let mut in_string = false;
    let mut after_backslash = false;
    json.chars().filter(move |character| {
        if !in_string {
            in_string = *character == '"';
            return !character.is_ascii_whitespace();
        }
        in_string = *character != '"' || after_backslash;
        after_backslash = *character == '\\' && !after_backslash;
        true
    })
}

fn escape(character: char) -> String {
    match character {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\0'..='\x7f' => format!("\\x{:02x}", u32::from(character)),
        _ => format!("\\u{{{:x}}}", u32::from(character)),
    }
}

/// Returns whether a terminal would interpret the character or not show it.
pub(crate) fn must_be_escaped(character: char) -> bool {
    character.is_control() || (!character.is_ascii() && INVISIBLE_CHARS.iter().any(|range| range.contains(&character)))
}

/// Invisible characters, bidirectional controls and line separators: `Default_Ignorable_Code_Point` of Unicode 17, with
/// the line separators and the annotation marks. U+FE0F is excluded: it only selects the emoji form of the preceding
/// character, and is common.
const INVISIBLE_CHARS: &[RangeInclusive<char>] = &[
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0e}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

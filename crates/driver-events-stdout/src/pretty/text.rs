//! Text of strangers, as a terminal may see it.

use std::ops::RangeInclusive;

/// Appends text so that it is shown and never obeyed, and cuts it off with `…` after `max_chars` characters. Tells how
/// many characters were written.
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

/// JSON without the white space between its tokens.
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

/// Whether a terminal would obey the character, or not show it.
pub(crate) fn must_be_escaped(character: char) -> bool {
    character.is_control() || (!character.is_ascii() && UNSEEN.iter().any(|range| range.contains(&character)))
}

/// Characters that turn the direction of text, end a line, or are not seen: Unicode 17's Default_Ignorable_Code_Point
/// with the line separators and the annotation marks. U+FE0F is left out: all it does is to pick the coloured form of
/// the character before it, and many texts have it.
const UNSEEN: &[RangeInclusive<char>] = &[
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

use std::io::Write;

use crate::pretty::text::must_be_escaped;

/// Escapes the characters of a JSON line that a terminal would interpret or not show.
///
/// The decoded value is unchanged: outside strings such characters can only be white space, which becomes spaces.
pub(crate) fn escape(json: &mut Vec<u8>) {
    if json.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return;
    }
    let mut escaped = Vec::with_capacity(json.len() + 64);
    for character in String::from_utf8_lossy(json).chars() {
        if matches!(character, '\t' | '\n' | '\r') {
            escaped.push(b' ');
        } else if must_be_escaped(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to memory cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    *json = escaped;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_invisible_characters_become_json_escapes() {
        let mut line =
            String::from("{\r\"a\":\t\"\\u001b[31m é 😀 \u{9b}2J\u{7f}\u{202e}\u{2028}\u{e0041}\"}").into_bytes();
        escape(&mut line);
        let expected = r#"{ "a": "\u001b[31m é 😀 \u009b2J\u007f\u202e\u2028\udb40\udc41"}"#;
        assert_eq!(String::from_utf8_lossy(&line), expected);
    }
}

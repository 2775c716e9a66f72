//! Percent-encoding of NATS header values, by the
//! [CloudEvents binding for NATS](https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md#3132-nats-header-values).

use std::borrow::Cow;

/// Encodes a text as printable ASCII, without spaces and line endings.
pub(crate) fn encode(text: &str) -> Cow<'_, str> {
    // Without an early exit: many bytes are compared at once. The same below.
    if text.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(encode_bytes(text.as_bytes()))
}

/// As [`encode`], for bytes that are not UTF-8.
pub(crate) fn encode_bytes(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len() * 3);
    for &byte in bytes {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(hexadecimal_digit(byte >> 4));
            encoded.push(hexadecimal_digit(byte & 0xf));
        }
    }
    encoded
}

/// Decodes a value: removes double quotes and escapes, then decodes every `%xy`. Keeps a `%` without two hexadecimal
/// digits, because not every sender encodes.
///
/// Returns `None` if the bytes are not valid UTF-8.
pub(crate) fn decode(value: &str) -> Option<Cow<'_, str>> {
    let value = unquote(value);
    if value.bytes().fold(true, |plain, byte| plain & (byte != b'%')) {
        return Some(value);
    }
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if let (b'%', [high, low, after @ ..]) = (*first, after)
            && let (Some(high), Some(low)) = (hexadecimal_value(*high), hexadecimal_value(*low))
        {
            decoded.push(high << 4 | low);
            rest = after;
        } else {
            decoded.push(*first);
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// Returns whether a byte is not encoded: printable ASCII except space, double quote and percent.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() & (byte != b'"') & (byte != b'%')
}

fn unquote(value: &str) -> Cow<'_, str> {
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let Some(quoted) = quoted else {
        return Cow::Borrowed(value);
    };
    let mut plain = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        let escaped = if character == '\\' { characters.next() } else { None };
        plain.push(escaped.unwrap_or(character));
    }
    Cow::Owned(plain)
}

fn hexadecimal_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).map_or('0', |digit| digit.to_ascii_uppercase())
}

fn hexadecimal_value(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn encodes_the_examples_of_the_binding() {
        assert_eq!(encode("Euro \u{20ac} \u{1f600}"), "Euro%20%E2%82%AC%20%F0%9F%98%80");
        assert_eq!(encode("\"100%\"\r\n\0\u{7f}"), "%22100%25%22%0D%0A%00%7F");
        assert_eq!(encode("agent.driver.escalate~!"), "agent.driver.escalate~!");
    }

    #[test]
    fn decodes_once_and_accepts_unencoded_values() {
        assert_eq!(decode("Euro%20%e2%82%AC").as_deref(), Some("Euro \u{20ac}"));
        assert_eq!(decode("%2541").as_deref(), Some("%41"));
        assert_eq!(decode("100% of%2").as_deref(), Some("100% of%2"));
        assert_eq!(decode(r#""a \"quoted\" b%20c""#).as_deref(), Some("a \"quoted\" b c"));
        assert_eq!(decode("\"").as_deref(), Some("\""));
        assert_eq!(decode("%C0%A0"), None);
    }
}

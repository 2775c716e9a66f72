use chrono::{DateTime, Datelike, Utc};

/// Maximum number of members of a `tracestate`.
const MAX_TRACESTATE_MEMBERS: usize = 32;

/// Error for an invalid or missing CloudEvents attribute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attribute `{name}` {reason}")]
pub struct InvalidAttribute {
    name: String,
    reason: &'static str,
}

impl InvalidAttribute {
    pub(crate) fn new(name: &str, reason: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            reason,
        }
    }

    /// Returns the name of the attribute.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// CloudEvents strings contain neither control characters nor Unicode
/// [noncharacters](https://www.unicode.org/faq/private_use.html#noncharacters); required strings are not empty.
pub(crate) fn check_text(name: &str, text: &str) -> Result<(), InvalidAttribute> {
    let is_noncharacter = |c| matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe;
    let is_plain = |byte| matches!(byte, b' '..=b'~');
    if text.is_empty() {
        Err(InvalidAttribute::new(name, "is empty"))
    } else if text.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
        // Fast path: readers check every attribute, and nearly all are printable ASCII. Without an early exit, many bytes are
        // compared at once.
        Ok(())
    } else if text.contains(char::is_control) {
        Err(InvalidAttribute::new(name, "contains a control character"))
    } else if text.contains(is_noncharacter) {
        Err(InvalidAttribute::new(name, "contains a Unicode noncharacter"))
    } else {
        Ok(())
    }
}

/// Checks for the characters that [RFC 3986](https://www.rfc-editor.org/rfc/rfc3986#section-2) allows in a URI
/// reference.
pub(crate) fn check_uri_reference(name: &str, text: &str) -> Result<(), InvalidAttribute> {
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let is_allowed = match byte {
            b'%' => [rest.next(), rest.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            _ => IS_URI_CHARACTER.get(usize::from(byte)) == Some(&true),
        };
        if !is_allowed {
            check_text(name, text)?;
            return Err(InvalidAttribute::new(name, "is not a URI reference (RFC 3986)"));
        }
    }
    match text.is_empty() {
        true => check_text(name, text),
        false => Ok(()),
    }
}

/// Whether each ASCII character may be part of a URI reference, other than `%`. A table, since every event has a source.
#[expect(
    clippy::indexing_slicing,
    reason = "the loop ends at the length, and the compiler runs it"
)]
const IS_URI_CHARACTER: [bool; 128] = {
    let mut table = [false; 128];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = matches!(
            byte as u8,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~'
                | b':' | b'/' | b'?' | b'#' | b'[' | b']' | b'@'
                | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        );
        byte += 1;
    }
    table
};

/// RFC 3339 years have four digits.
pub(crate) fn check_time(time: DateTime<Utc>) -> Result<(), InvalidAttribute> {
    if (0..=9999).contains(&time.year()) {
        Ok(())
    } else {
        Err(InvalidAttribute::new("time", "has a year outside 0 to 9999"))
    }
}

/// Checks for `version-traceid-parentid-flags` in lower-case hexadecimal digits
/// ([W3C Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header-field-values)). Versions after `00` may
/// append parts.
pub(crate) fn check_traceparent(text: &str) -> Result<(), InvalidAttribute> {
    let name = "traceparent";
    check_text(name, text)?;
    let mut parts = text.split('-');
    let mut hexadecimal = |length| {
        let part = parts.next().filter(|part| part.len() == length)?;
        let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        part.bytes().all(is_digit).then_some(part)
    };
    let version = hexadecimal(2).filter(|version| *version != "ff");
    let ids_are_set = [32, 16]
        .map(&mut hexadecimal)
        .into_iter()
        .all(|id| id.is_some_and(|id| id.bytes().any(|digit| digit != b'0')));
    let has_flags = hexadecimal(2).is_some();
    let is_whole = parts.next().is_none() || version.is_some_and(|version| version != "00");
    if version.is_some() && ids_are_set && has_flags && is_whole {
        Ok(())
    } else {
        Err(InvalidAttribute::new(name, "is not a W3C trace context"))
    }
}

/// Checks for `key=value` members, separated by commas
/// ([W3C Trace Context](https://www.w3.org/TR/trace-context/#tracestate-header-field-values)).
pub(crate) fn check_tracestate(text: &str) -> Result<(), InvalidAttribute> {
    let name = "tracestate";
    check_text(name, text)?;
    let is_key = |key: &str| {
        let starts_well = key.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
        let is_allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
        starts_well && key.len() <= 256 && key.bytes().all(is_allowed)
    };
    let is_value = |value: &str| {
        let is_allowed = |byte| matches!(byte, b' '..=b'~') && byte != b'=';
        !value.is_empty() && value.len() <= 256 && value.bytes().all(is_allowed)
    };
    let members = || text.split(',').map(|member| member.trim_matches(' '));
    let is_member = |member: &str| {
        let pair = member.split_once('=');
        member.is_empty() || pair.is_some_and(|(key, value)| is_key(key) && is_value(value))
    };
    if members().count() <= MAX_TRACESTATE_MEMBERS && members().all(is_member) {
        Ok(())
    } else {
        Err(InvalidAttribute::new(name, "is not a W3C trace state"))
    }
}

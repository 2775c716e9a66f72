use std::fmt;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Datelike, Utc};
use uuid::Uuid;

/// The source of an envelope that nobody stamped.
pub const SOURCE_UNSET: &str = "urn:driver-events:unset";

/// Names one event, through every retry, replay and transport: what duplicates are told by.
///
/// Any text that [CloudEvents](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#id) takes as an
/// `id`; a UUID of version 7 where this library makes one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Arc<str>);

impl EventId {
    /// The id with this text.
    ///
    /// # Errors
    /// The text is empty or holds a control character, which CloudEvents does not allow.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, InvalidAttribute> {
        let text = text.into();
        check_text("id", &text)?;
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn mint() -> Self {
        Uuid::now_v7().into()
    }
}

impl From<Uuid> for EventId {
    fn from(uuid: Uuid) -> Self {
        let mut text = Uuid::encode_buffer();
        Self(Arc::from(&*uuid.hyphenated().encode_lower(&mut text)))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An event's place among the events of its goal from one producer run.
///
/// Readers see a gap in the sequence as loss, and a new run as a restart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Names the run of the producer: a new one each time that counting starts again.
    pub run: Arc<str>,
    /// The number of the event in its goal and run, from 1.
    pub sequence: u64,
}

/// What travels beside an event. All of it may still be set, once, where it is absent: an envelope that is sent again
/// keeps what the first try gave it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes {
    id: OnceLock<EventId>,
    source: OnceLock<Arc<str>>,
    stamp: OnceLock<Stamp>,
    pub(crate) time: Option<DateTime<Utc>>,
    pub(crate) traceparent: Option<Arc<str>>,
    pub(crate) event_type: Option<Arc<str>>,
}

impl Attributes {
    pub(crate) fn at(time: DateTime<Utc>) -> Self {
        Self {
            time: Some(time),
            ..Self::default()
        }
    }

    pub(crate) fn id(&self) -> &EventId {
        self.id.get_or_init(EventId::mint)
    }

    pub(crate) fn source(&self) -> Option<&Arc<str>> {
        self.source.get()
    }

    pub(crate) fn source_or_set(&self, source: &Arc<str>) {
        self.source.get_or_init(|| Arc::clone(source));
    }

    pub(crate) fn stamp(&self) -> Option<&Stamp> {
        self.stamp.get()
    }

    pub(crate) fn stamp_or_set(&self, stamp: impl FnOnce() -> Stamp) -> &Stamp {
        self.stamp.get_or_init(stamp)
    }

    pub(crate) fn set_id(&mut self, id: EventId) {
        self.id = OnceLock::from(id);
    }

    pub(crate) fn set_source(&mut self, source: Arc<str>) {
        self.source = OnceLock::from(source);
    }

    pub(crate) fn set_stamp(&mut self, stamp: Stamp) {
        self.stamp = OnceLock::from(stamp);
    }
}

/// A text that cannot be the value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    /// The name of the attribute.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for InvalidAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the attribute `{}` {}", self.name, self.reason)
    }
}

impl std::error::Error for InvalidAttribute {}

/// CloudEvents strings are not empty where they are required, and hold neither control characters nor what Unicode sets
/// aside as [noncharacters](https://www.unicode.org/faq/private_use.html#noncharacters).
pub(crate) fn check_text(name: &str, text: &str) -> Result<(), InvalidAttribute> {
    let is_noncharacter = |c| matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe;
    let is_plain = |byte| matches!(byte, b' '..=b'~');
    if text.is_empty() {
        Err(InvalidAttribute::new(name, "is empty"))
    } else if text.bytes().all(is_plain) {
        // As nearly all texts are. Readers check each.
        Ok(())
    } else if text.contains(char::is_control) {
        Err(InvalidAttribute::new(name, "holds a control character"))
    } else if text.contains(is_noncharacter) {
        Err(InvalidAttribute::new(name, "holds a noncharacter of Unicode"))
    } else {
        Ok(())
    }
}

/// The characters that [RFC 3986](https://www.rfc-editor.org/rfc/rfc3986#section-2) allows in a URI-reference.
pub(crate) fn check_uri_reference(name: &str, text: &str) -> Result<(), InvalidAttribute> {
    check_text(name, text)?;
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let is_allowed = match byte {
            b'%' => [rest.next(), rest.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => true,
            b':' | b'/' | b'?' | b'#' | b'[' | b']' | b'@' => true,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => true,
            _ => false,
        };
        if !is_allowed {
            return Err(InvalidAttribute::new(name, "is no URI-reference (RFC 3986)"));
        }
    }
    Ok(())
}

/// RFC 3339 has room for four digits of a year.
pub(crate) fn check_time(time: DateTime<Utc>) -> Result<(), InvalidAttribute> {
    if (0..=9999).contains(&time.year()) {
        Ok(())
    } else {
        Err(InvalidAttribute::new("time", "has a year that RFC 3339 cannot write"))
    }
}

/// `version-traceid-parentid-flags`, in lower-case hexadecimal digits, as
/// [W3C Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header-field-values) has it. A later version
/// than `00` may have more parts.
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
        Err(InvalidAttribute::new(name, "is no W3C trace context"))
    }
}

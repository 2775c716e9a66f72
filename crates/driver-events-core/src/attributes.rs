use std::fmt;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Datelike, Utc};
use uuid::Uuid;

/// [Source](crate::Envelope::source) of an envelope whose source was not set.
pub const SOURCE_UNSET: &str = "urn:driver-events:unset";

/// Identifies one event across retries, replays and transports. Duplicates have equal ids.
///
/// Any valid CloudEvents [`id`](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#id). Generated ids
/// are UUIDs of version 7.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Arc<str>);

impl EventId {
    /// Creates an id from a text.
    ///
    /// # Errors
    /// Returns an error if the text is empty or contains a control character or a Unicode noncharacter, which CloudEvents
    /// does not allow.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, InvalidAttribute> {
        let text = text.into();
        check_text("id", &text)?;
        Ok(Self(text))
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn generate() -> Self {
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

/// Sequence of an event among the events of its goal and producer run.
///
/// A gap in the sequence means lost events, a new run means that the producer restarted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Name of the producer run. A new run starts each time the counters start from 1.
    pub run: Arc<str>,
    /// Number of the event in its goal and run, from 1.
    pub sequence: u64,
}

/// CloudEvents attributes of an event. Id, source and stamp can be set once through a shared reference, so that a retry
/// keeps the values of the first attempt.
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
        self.id.get_or_init(EventId::generate)
    }

    pub(crate) fn source(&self) -> Option<&Arc<str>> {
        self.source.get()
    }

    pub(crate) fn set_source_if_unset(&self, source: &Arc<str>) {
        self.source.get_or_init(|| Arc::clone(source));
    }

    pub(crate) fn stamp(&self) -> Option<&Stamp> {
        self.stamp.get()
    }

    pub(crate) fn set_stamp_if_unset(&self, stamp: impl FnOnce() -> Stamp) -> &Stamp {
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

/// Error for an invalid or missing CloudEvents attribute.
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

    /// Returns the name of the attribute.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for InvalidAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attribute `{}` {}", self.name, self.reason)
    }
}

impl std::error::Error for InvalidAttribute {}

/// CloudEvents strings contain neither control characters nor Unicode
/// [noncharacters](https://www.unicode.org/faq/private_use.html#noncharacters); required strings are not empty.
pub(crate) fn check_text(name: &str, text: &str) -> Result<(), InvalidAttribute> {
    let is_noncharacter = |c| matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe;
    let is_plain = |byte| matches!(byte, b' '..=b'~');
    if text.is_empty() {
        Err(InvalidAttribute::new(name, "is empty"))
    } else if text.bytes().all(is_plain) {
        // Fast path: readers check every attribute, and nearly all are printable ASCII.
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
            return Err(InvalidAttribute::new(name, "is not a URI reference (RFC 3986)"));
        }
    }
    Ok(())
}

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

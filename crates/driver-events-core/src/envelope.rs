use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use driver_events_types::{DecodeError, Decoded, DriverEvent, EncodeError, GoalId, Limits};

use crate::attributes::{Attributes, check_text, check_time, check_traceparent, check_uri_reference};
use crate::{EventId, InvalidAttribute, SOURCE_UNSET, Stamp};

/// What a sink sends: an event, its JSON, and the attributes that travel beside it.
///
/// Cheap to clone: all clones share the event, the JSON, which is encoded once, and the attributes. So an envelope
/// that is kept for another try has the id, the source and the sequence that the first try gave it.
///
/// ```
/// use driver_events_core::{Envelope, SOURCE_UNSET};
/// use driver_events_types::{DriverEvent, GoalId};
///
/// let envelope = Envelope::new(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() });
/// let second_try = envelope.clone();
/// assert_eq!(envelope.id(), second_try.id());
/// assert_eq!(envelope.source(), SOURCE_UNSET);
/// assert_eq!(envelope.subject(), Some("agent.driver.escalate"));
/// ```
#[derive(Clone)]
pub struct Envelope {
    shared: Arc<Shared>,
}

/// What clones share. One allocation an event: it is made for each of them.
struct Shared {
    body: SharedBody,
    attributes: Attributes,
}

#[expect(
    clippy::large_enum_variant,
    reason = "the large one is what nearly every envelope has"
)]
enum SharedBody {
    Own(Body),
    /// The body of an envelope that this one is a copy of, with other attributes. That one has a body of its own.
    Of(Arc<Shared>),
}

struct Body {
    content: Decoded,
    limits: Limits,
    json: OnceLock<Result<Bytes, EncodeError>>,
    goal_id: OnceLock<Option<GoalId>>,
    /// The event was encoded once, so it is not too deep to be dropped as usual.
    was_encoded: AtomicBool,
}

impl Envelope {
    /// Wraps an event that happened now. Its id is minted when it is first asked for.
    #[must_use]
    pub fn new(event: DriverEvent) -> Self {
        Self::with_limits(event, Limits::default())
    }

    /// [`new`](Self::new) with limits of the caller's for the JSON.
    #[must_use]
    pub fn with_limits(event: DriverEvent, limits: Limits) -> Self {
        let attributes = Attributes::at(SystemTime::now().into());
        Self::from_parts(Decoded::Known(event), limits, OnceLock::new(), attributes)
    }

    /// Wraps the JSON of an event that was received: these bytes are passed on and never encoded again.
    ///
    /// It has no time, since the JSON alone does not say when the event happened.
    ///
    /// # Errors
    /// As [`Decoded::from_json`].
    pub fn from_json(json: impl Into<Bytes>) -> Result<Self, DecodeError> {
        Self::from_json_with(json, Limits::default())
    }

    /// [`from_json`](Self::from_json) with limits of the caller's.
    ///
    /// # Errors
    /// As [`Decoded::from_json_with`].
    pub fn from_json_with(json: impl Into<Bytes>, limits: Limits) -> Result<Self, DecodeError> {
        let json = json.into();
        let content = Decoded::from_json_with(&json, limits)?;
        let json = OnceLock::from(Ok(json));
        Ok(Self::from_parts(content, limits, json, Attributes::default()))
    }

    fn from_parts(
        content: Decoded,
        limits: Limits,
        json: OnceLock<Result<Bytes, EncodeError>>,
        attributes: Attributes,
    ) -> Self {
        let body = SharedBody::Own(Body {
            content,
            limits,
            json,
            goal_id: OnceLock::new(),
            was_encoded: AtomicBool::new(false),
        });
        Self {
            shared: Arc::new(Shared { body, attributes }),
        }
    }

    fn body(&self) -> &Body {
        self.shared.body()
    }

    fn attributes(&self) -> &Attributes {
        &self.shared.attributes
    }

    /// The event, known or not.
    #[must_use]
    pub fn decoded(&self) -> &Decoded {
        &self.body().content
    }

    /// The event, where this version knows it.
    #[must_use]
    pub fn event(&self) -> Option<&DriverEvent> {
        self.body().content.known()
    }

    /// The text of the event's `"kind"`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.body().content.kind()
    }

    /// The goal that the event is about; none where an unknown event does not tell.
    #[must_use]
    pub fn goal_id(&self) -> Option<GoalId> {
        *self.body().goal_id.get_or_init(|| self.body().content.goal_id())
    }

    /// Where the event is published: the subject of its kind. Of a kind that is not known it is the CloudEvents type
    /// that it came with, and none where it came without.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        match self.body().content.known_kind() {
            Some(kind) => Some(kind.subject()),
            None => self.attributes().event_type.as_deref(),
        }
    }

    /// The bare JSON, without a line ending: encoded once, or the very bytes that were received.
    ///
    /// # Errors
    /// As [`DriverEvent::to_json`]; the same error for every call.
    pub fn json(&self) -> Result<&Bytes, &EncodeError> {
        self.body().json.get_or_init(|| self.body().encode()).as_ref()
    }

    /// Appends the JSON to `out`: what [`json`](Self::json) gives.
    ///
    /// While nobody shares the envelope, the JSON is encoded straight into `out` and not kept, which saves a copy.
    ///
    /// # Errors
    /// As [`json`](Self::json); `out` is then as it was.
    pub fn write_json(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if self.is_encoded_once() {
            return self.body().write(out);
        }
        out.extend_from_slice(self.json().map_err(Clone::clone)?);
        Ok(())
    }

    /// [`write_json`](Self::write_json) as one line, without its ending: with a blank for each line feed between the
    /// tokens, of which only JSON that was received has any.
    ///
    /// # Errors
    /// As [`json`](Self::json); `out` is then as it was.
    pub fn write_line(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        let is_one_line = self.is_encoded_once();
        self.write_json(out)?;
        if !is_one_line {
            put_on_one_line(out.get_mut(start..).unwrap_or_default());
        }
        Ok(())
    }

    /// Whether the JSON is not there yet, and nobody else could use it.
    fn is_encoded_once(&self) -> bool {
        let body = self.body();
        matches!(
            (&body.content, body.json.get(), Arc::strong_count(&self.shared)),
            (Decoded::Known(_), None, 1)
        )
    }

    /// Names the event through every retry, replay and transport. Minted at the first call where it was not given.
    #[must_use]
    pub fn id(&self) -> &EventId {
        self.attributes().id()
    }

    /// When the event happened; none where it was received without.
    #[must_use]
    pub fn time(&self) -> Option<DateTime<Utc>> {
        self.attributes().time
    }

    /// Who published the event, as a URI-reference; [`SOURCE_UNSET`] where nobody said.
    #[must_use]
    pub fn source(&self) -> &str {
        self.attributes().source().map_or(SOURCE_UNSET, AsRef::as_ref)
    }

    /// The event's place among the events of its goal, where it was stamped.
    #[must_use]
    pub fn stamp(&self) -> Option<&Stamp> {
        self.attributes().stamp()
    }

    /// The [W3C trace context](https://www.w3.org/TR/trace-context/) in which the event happened.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.attributes().traceparent.as_deref()
    }

    /// Sets the source for this envelope and all of its clones, unless it is set.
    pub(crate) fn source_or_set(&self, source: &Arc<str>) {
        self.attributes().source_or_set(source);
    }

    /// Sets the stamp for this envelope and all of its clones, unless it is set.
    pub(crate) fn stamp_or_set(&self, stamp: impl FnOnce() -> Stamp) {
        self.attributes().stamp_or_set(stamp);
    }

    /// The same event with this id. Earlier clones are left as they are.
    #[must_use]
    pub fn with_id(self, id: EventId) -> Self {
        self.with(|attributes| attributes.set_id(id))
    }

    /// The same event with this time. Earlier clones are left as they are.
    ///
    /// # Errors
    /// The year has more than four digits, or is before the year 0: no RFC 3339 text can say it.
    pub fn with_time(self, time: DateTime<Utc>) -> Result<Self, InvalidAttribute> {
        check_time(time)?;
        Ok(self.with(|attributes| attributes.time = Some(time)))
    }

    /// The same event with this stamp. Earlier clones are left as they are.
    ///
    /// # Errors
    /// The run is empty or holds a control character.
    pub fn with_stamp(self, stamp: Stamp) -> Result<Self, InvalidAttribute> {
        check_text("producerrun", &stamp.run)?;
        Ok(self.with(|attributes| attributes.set_stamp(stamp)))
    }

    /// The same event with this source. Earlier clones are left as they are.
    ///
    /// # Errors
    /// The source is no URI-reference ([RFC 3986](https://www.rfc-editor.org/rfc/rfc3986)), or empty.
    pub fn with_source(self, source: impl Into<Arc<str>>) -> Result<Self, InvalidAttribute> {
        let source = source.into();
        check_uri_reference("source", &source)?;
        Ok(self.with(|attributes| attributes.set_source(source)))
    }

    /// The same event with this trace context. Earlier clones are left as they are.
    ///
    /// # Errors
    /// The text is no [`traceparent`](https://www.w3.org/TR/trace-context/#traceparent-header).
    pub fn with_traceparent(self, traceparent: impl Into<Arc<str>>) -> Result<Self, InvalidAttribute> {
        let traceparent = traceparent.into();
        check_traceparent(&traceparent)?;
        Ok(self.with(|attributes| attributes.traceparent = Some(traceparent)))
    }

    /// The same event with the CloudEvents type that it came with: the [`subject`](Self::subject) of an unknown kind.
    /// Earlier clones are left as they are.
    ///
    /// # Errors
    /// The text is empty or holds a control character.
    pub fn with_event_type(self, event_type: impl Into<Arc<str>>) -> Result<Self, InvalidAttribute> {
        let event_type = event_type.into();
        check_text("type", &event_type)?;
        Ok(self.with(|attributes| attributes.event_type = Some(event_type)))
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Attributes)) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            change(&mut shared.attributes);
            return self;
        }
        // Clones name the same event: the id is fixed before the ways part.
        self.attributes().id();
        let mut attributes = self.attributes().clone();
        change(&mut attributes);
        let body = SharedBody::Of(match &self.shared.body {
            SharedBody::Own(_) => self.shared,
            SharedBody::Of(owner) => Arc::clone(owner),
        });
        Self {
            shared: Arc::new(Shared { body, attributes }),
        }
    }
}

/// The attributes in short, never the event: its texts may be long and private.
impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("kind", &self.kind())
            .field("goal_id", &self.goal_id())
            .field("id", &self.id())
            .field("stamp", &self.stamp())
            .finish_non_exhaustive()
    }
}

impl From<DriverEvent> for Envelope {
    fn from(event: DriverEvent) -> Self {
        Self::new(event)
    }
}

impl Shared {
    fn body(&self) -> &Body {
        match &self.body {
            SharedBody::Own(body) => body,
            SharedBody::Of(owner) => owner.body(),
        }
    }
}

impl Body {
    fn encode(&self) -> Result<Bytes, EncodeError> {
        let mut json = Vec::with_capacity(512);
        self.write(&mut json)?;
        Ok(json.into())
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match &self.content {
            Decoded::Known(event) => event.write_json_with(out, self.limits)?,
            Decoded::Unknown { raw, .. } => out.extend_from_slice(raw),
        }
        self.was_encoded.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// A caller may wrap an event whose free JSON is so deep that dropping it as usual would overflow the stack. What was
/// encoded is known not to be.
impl Drop for Body {
    fn drop(&mut self) {
        let was_encoded = *self.was_encoded.get_mut() || matches!(self.json.get(), Some(Ok(_)));
        if let (false, Decoded::Known(event)) = (was_encoded, &self.content)
            && event.free_json_depth() > Limits::MAX_DEPTH
        {
            let nothing = Decoded::Unknown {
                kind: String::new(),
                path: String::new(),
                raw: Vec::new(),
            };
            if let Decoded::Known(event) = std::mem::replace(&mut self.content, nothing) {
                event.drop_iteratively();
            }
        }
    }
}

/// Puts JSON on one line, as [NDJSON](https://github.com/ndjson/ndjson-spec) counts lines: by `\n`. Inside of a string
/// JSON has no raw line feed, so what is found is white space between tokens, and a blank means the same. Everything else
/// stays as it is, to the byte.
fn put_on_one_line(json: &mut [u8]) {
    for byte in json {
        *byte = if *byte == b'\n' { b' ' } else { *byte };
    }
}

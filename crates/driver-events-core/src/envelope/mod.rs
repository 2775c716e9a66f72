mod body;
mod with_attributes;

pub(crate) mod attribute_checks;
pub(crate) mod attribute_error;
pub(crate) mod attributes;
pub(crate) mod event_filter;
pub(crate) mod event_id;
pub(crate) mod trace;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use driver_events_types::{DecodeError, Decoded, DriverEvent, EncodeError, EventKind, GoalId, Limits};

use self::attribute_checks::{InvalidAttribute, check_text, check_uri_reference};
use self::attributes::{Attributes, SOURCE_UNSET, Stamp};
use self::body::Body;
use self::event_id::EventId;
use self::trace::Trace;

/// An event with its JSON and its CloudEvents attributes: the unit that sinks send and sources deliver.
///
/// Cheap to clone: clones share the event, the attributes and the JSON, which is encoded once. To retry a failed send,
/// keep a clone: it has the id, source and sequence of the first attempt.
///
/// ```
/// use driver_events_core::{Envelope, SOURCE_UNSET};
/// use driver_events_types::{DriverEvent, GoalId};
///
/// let envelope = Envelope::new(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() });
/// let retry = envelope.clone();
/// assert_eq!(envelope.id(), retry.id());
/// assert_eq!(envelope.source(), SOURCE_UNSET);
/// assert_eq!(envelope.subject(), Some("agent.driver.escalate"));
/// ```
#[derive(Clone)]
pub struct Envelope {
    shared: Arc<Shared>,
}

/// State shared by clones, in one allocation per event.
struct Shared {
    body: SharedBody,
    attributes: Attributes,
}

#[expect(clippy::large_enum_variant, reason = "nearly every envelope has the large variant")]
enum SharedBody {
    Own(Body),
    /// Body of the envelope from which this one was derived by changing attributes. It is always `Own`.
    Of(Arc<Shared>),
}

impl Envelope {
    /// Wraps an event with the current time. The id is generated on first use.
    #[must_use]
    pub fn new(event: DriverEvent) -> Self {
        Self::with_limits(event, Limits::default())
    }

    /// Same as [`new`](Self::new), with custom limits for the JSON.
    #[must_use]
    pub fn with_limits(event: DriverEvent, limits: Limits) -> Self {
        Self::from_parts(Body::new(Decoded::Known(event), limits, None), Attributes::now())
    }

    /// Wraps the JSON of a received event. Sinks forward these bytes without encoding them again.
    ///
    /// The envelope has no time, because the JSON does not contain one.
    ///
    /// # Errors
    /// Same as [`Decoded::from_json`].
    pub fn from_json(json: impl Into<Bytes>) -> Result<Self, DecodeError> {
        Self::from_json_with(json, Limits::default())
    }

    /// Same as [`from_json`](Self::from_json), with custom limits.
    ///
    /// # Errors
    /// Same as [`Decoded::from_json_with`].
    pub fn from_json_with(json: impl Into<Bytes>, limits: Limits) -> Result<Self, DecodeError> {
        let json = json.into();
        let content = Decoded::from_json_with(&json, limits)?;
        Ok(Self::received(content, limits, json))
    }

    /// Wraps what was decoded from `json`.
    #[inline(always)]
    pub(crate) fn received(content: Decoded, limits: Limits, json: Bytes) -> Self {
        Self::from_parts(Body::new(content, limits, Some(json)), Attributes::default())
    }

    // Inlined, as is what it is called with: each call would copy the event once more.
    #[inline(always)]
    fn from_parts(body: Body, attributes: Attributes) -> Self {
        let body = SharedBody::Own(body);
        Self {
            shared: Arc::new(Shared { body, attributes }),
        }
    }

    /// Returns another event with the attributes of this one. It has no JSON yet.
    pub(crate) fn with_content(&self, content: Decoded) -> Self {
        // Clones share the id, so it must be generated before the attributes are copied.
        self.attributes().id();
        let body = Body::new(content, self.body().limits(), None);
        Self::from_parts(body, self.attributes().clone())
    }

    fn body(&self) -> &Body {
        self.shared.body()
    }

    pub(crate) fn attributes(&self) -> &Attributes {
        &self.shared.attributes
    }

    /// Returns the event, of a known or unknown kind.
    #[must_use]
    pub fn decoded(&self) -> &Decoded {
        &self.body().content
    }

    /// Returns the event, or `None` if this version does not know its kind or one of its values.
    #[must_use]
    pub fn event(&self) -> Option<&DriverEvent> {
        self.body().content.known()
    }

    /// Returns the event's `"kind"`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.body().content.kind()
    }

    /// Returns whether the event ends a goal or hands it to an operator: `goal_completed`, `escalate` or `budget_exhausted`.
    /// Sinks that must drop or refuse events keep these while others can go.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        let kind = self.decoded().known_kind();
        matches!(
            kind,
            Some(EventKind::GoalCompleted | EventKind::Escalate | EventKind::BudgetExhausted)
        )
    }

    /// Returns the goal of the event. `None` for an unknown event without a goal id.
    #[must_use]
    pub fn goal_id(&self) -> Option<GoalId> {
        self.body().goal_id()
    }

    /// Returns the subject under which the event is published. For an unknown kind, this is the CloudEvents type with
    /// which the event was received, or `None` if it had no type.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        match self.body().content.known_kind() {
            Some(kind) => Some(kind.subject()),
            None => self.attributes().event_type.as_deref(),
        }
    }

    /// Returns the event's JSON without a line ending: the received bytes, or the event encoded on first use.
    ///
    /// # Errors
    /// Same as [`DriverEvent::to_json`]. Every call returns the same error.
    pub fn json(&self) -> Result<&Bytes, &EncodeError> {
        self.body().json()
    }

    /// Returns the result of [`json`](Self::json), for a sink that sends it once.
    ///
    /// If the envelope has no clones, the JSON is not cached.
    ///
    /// # Errors
    /// Same as [`json`](Self::json).
    pub fn to_bytes(&self) -> Result<Bytes, EncodeError> {
        if self.can_encode_directly() {
            return self.body().encode();
        }
        self.json().cloned().map_err(Clone::clone)
    }

    /// Appends the result of [`json`](Self::json) to `out`.
    ///
    /// If the envelope has no clones, the JSON is encoded directly into `out` and not cached, which saves a copy.
    ///
    /// # Errors
    /// Same as [`json`](Self::json). `out` is then unchanged.
    pub fn write_json(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if self.can_encode_directly() {
            return self.body().write(out);
        }
        out.extend_from_slice(self.json().map_err(Clone::clone)?);
        Ok(())
    }

    /// Appends the JSON to `out` as one line, without a line ending. Replaces each line feed between tokens, which only
    /// received JSON may contain, with a space.
    ///
    /// # Errors
    /// Same as [`json`](Self::json). `out` is then unchanged.
    pub fn write_line(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        let is_single_line = self.can_encode_directly();
        self.write_json(out)?;
        if !is_single_line {
            replace_line_feeds(out.get_mut(start..).unwrap_or_default());
        }
        Ok(())
    }

    /// Returns whether the JSON is not cached yet and no clone could use a cached copy.
    fn can_encode_directly(&self) -> bool {
        self.body().is_unencoded() && Arc::strong_count(&self.shared) == 1
    }

    /// Returns the id, which identifies the event across retries, replays and transports. Generated on first use if it
    /// was not set.
    #[must_use]
    pub fn id(&self) -> &EventId {
        self.attributes().id()
    }

    /// Returns when the event happened. `None` if it was received without a time.
    #[must_use]
    pub fn time(&self) -> Option<DateTime<Utc>> {
        self.attributes().time
    }

    /// Returns the publisher of the event as a URI reference. Default: [`SOURCE_UNSET`].
    #[must_use]
    pub fn source(&self) -> &str {
        self.attributes().source().map_or(SOURCE_UNSET, AsRef::as_ref)
    }

    /// Returns the event's sequence in its goal, or `None` if it was not [stamped](crate::Stamped).
    #[must_use]
    pub fn stamp(&self) -> Option<&Stamp> {
        self.attributes().stamp()
    }

    /// Returns the [W3C trace context](https://www.w3.org/TR/trace-context/) of the event.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.attributes().traceparent().map(AsRef::as_ref)
    }

    /// Returns the vendors' part of the trace context. It is sent only with a [`traceparent`](Self::traceparent).
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.attributes().tracestate().map(AsRef::as_ref)
    }

    /// Sets the source of this envelope and all of its clones if it is unset, and returns the source that it then has.
    /// For decorators: a retry of the same envelope keeps the source of the first attempt.
    ///
    /// # Errors
    /// Same as [`with_source`](Self::with_source), also if the source is set. The envelope is unchanged.
    pub fn set_source_if_unset(&self, source: &Arc<str>) -> Result<&str, InvalidAttribute> {
        check_uri_reference("source", source)?;
        Ok(self.attributes().set_source_if_unset(source))
    }

    /// Sets the stamp of this envelope and all of its clones if it is unset, and returns the stamp that it then has.
    /// Calls `stamp` only if it is unset. For decorators: a retry of the same envelope keeps the number of the first
    /// attempt.
    ///
    /// # Errors
    /// Same as [`with_stamp`](Self::with_stamp). The envelope is unchanged.
    pub fn set_stamp_if_unset(&self, stamp: impl FnOnce() -> Stamp) -> Result<&Stamp, InvalidAttribute> {
        if let Some(stamp) = self.stamp() {
            return Ok(stamp);
        }
        let stamp = stamp();
        check_text("producerrun", &stamp.run)?;
        Ok(self.attributes().set_stamp_if_unset(|| stamp))
    }

    /// Sets the trace context of this envelope and all of its clones if it is unset. For decorators: a retry of the same
    /// envelope keeps the trace context of the first attempt.
    pub fn set_trace_if_unset(&self, trace: Trace) {
        self.attributes().set_trace_if_unset(trace);
    }

    /// Returns the event with this id. Existing clones do not change.
    #[must_use]
    pub fn with_id(self, id: EventId) -> Self {
        self.with(|attributes| attributes.set_id(id))
    }

    /// Returns the event, or `None` if this version does not know its kind or one of its values. Copies the event if the
    /// envelope has clones.
    #[must_use]
    pub fn into_event(self) -> Option<DriverEvent> {
        match Arc::try_unwrap(self.shared) {
            Ok(Shared {
                body: SharedBody::Own(body),
                ..
            }) => body.into_event(),
            Ok(shared) => shared.body().content.known().cloned(),
            Err(shared) => shared.body().content.known().cloned(),
        }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Attributes)) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            change(&mut shared.attributes);
            return self;
        }
        // Clones share the id, so it must be generated before the attributes are copied.
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

/// Omits the event: its texts may be long and private.
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

/// Replaces each line feed with a space, because [NDJSON](https://github.com/ndjson/ndjson-spec) ends a record at `\n`.
/// JSON strings cannot contain a raw line feed, so each one found is whitespace between tokens.
fn replace_line_feeds(json: &mut [u8]) {
    for byte in json {
        *byte = if *byte == b'\n' { b' ' } else { *byte };
    }
}

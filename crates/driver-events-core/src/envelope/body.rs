use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use driver_events_types::{Decoded, DriverEvent, EncodeError, GoalId, Limits};
use once_cell::sync::OnceCell;

/// The event of an envelope and its JSON, encoded at most once.
pub(super) struct Body {
    pub(super) content: Decoded,
    limits: Limits,
    json: OnceCell<Result<Bytes, Box<EncodeError>>>,
    /// The goal of an event of an unknown kind, which is looked up in its JSON.
    unknown_goal_id: OnceCell<Option<GoalId>>,
    /// Set once the event was encoded, or if it was received. Its depth is then within the limit, so the default drop is
    /// safe.
    was_encoded: AtomicBool,
}

impl Body {
    /// Creates a body, with the JSON if the event was received.
    #[inline(always)]
    pub(super) fn new(content: Decoded, limits: Limits, json: Option<Bytes>) -> Self {
        Self {
            content,
            limits,
            was_encoded: AtomicBool::new(json.is_some()),
            json: json.map_or_else(OnceCell::new, |json| OnceCell::with_value(Ok(json))),
            unknown_goal_id: OnceCell::new(),
        }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn goal_id(&self) -> Option<GoalId> {
        match &self.content {
            Decoded::Known(event) => Some(event.goal_id()),
            Decoded::Unknown { .. } => *self.unknown_goal_id.get_or_init(|| self.content.goal_id()),
        }
    }

    /// Returns the JSON, encoded by the first call.
    pub(super) fn json(&self) -> Result<&Bytes, &EncodeError> {
        let json = self.json.get_or_init(|| self.encode().map_err(Box::new));
        json.as_ref().map_err(|error| &**error)
    }

    /// Returns whether the event has no JSON yet.
    pub(super) fn is_unencoded(&self) -> bool {
        self.json.get().is_none()
    }

    /// Returns the event, or `None` if it is of an unknown kind.
    pub(super) fn into_event(mut self) -> Option<DriverEvent> {
        match self.take_content() {
            Decoded::Known(event) => Some(event),
            Decoded::Unknown { .. } => None,
        }
    }

    /// Replaces the content, which a type with a destructor does not give away.
    fn take_content(&mut self) -> Decoded {
        let placeholder = Decoded::Unknown {
            kind: String::new(),
            path: String::new(),
            raw: Vec::new(),
        };
        std::mem::replace(&mut self.content, placeholder)
    }

    /// Encodes the event.
    pub(super) fn encode(&self) -> Result<Bytes, EncodeError> {
        let mut json = Vec::with_capacity(512);
        self.write(&mut json)?;
        Ok(json.into())
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match &self.content {
            Decoded::Known(event) => event.write_json_with(out, self.limits)?,
            Decoded::Unknown { raw, .. } => out.extend_from_slice(raw),
        }
        self.was_encoded.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// An event may contain JSON so deeply nested that the default recursive drop would overflow the stack.
impl Drop for Body {
    fn drop(&mut self) {
        if !*self.was_encoded.get_mut()
            && let Decoded::Known(event) = &self.content
            && event.free_json_depth() > Limits::MAX_DEPTH
            && let Decoded::Known(event) = self.take_content()
        {
            event.drop_iteratively();
        }
    }
}

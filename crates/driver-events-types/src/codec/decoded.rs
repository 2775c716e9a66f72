use serde::Deserialize;
use serde_json::value::RawValue;

use super::strict;
use crate::{DecodeError, DecodeErrorKind, DriverEvent, EncodeError, EventKind, GoalId, Limits};

/// What a reader gets: an event of this version, or one that only a newer version knows, kept whole.
///
/// ```
/// use driver_events_types::Decoded;
///
/// let json = br#"{"kind":"goal_paused","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01"}"#;
/// let decoded = Decoded::from_json(json)?;
/// assert!(matches!(&decoded, Decoded::Unknown { kind, .. } if kind == "goal_paused"));
/// assert_eq!(decoded.to_json()?, json);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded {
    /// An event of this version.
    Known(DriverEvent),
    /// Valid JSON whose kind is not known, or a known kind whose only fault is a value that some enum does not know.
    Unknown {
        /// The text of `"kind"`.
        kind: String,
        /// The place of what is not known: `kind` itself, or such as `goal.acceptance[0].kind` or `axis`.
        path: String,
        /// The JSON, byte for byte as it was read.
        raw: Vec<u8>,
    },
}

impl Decoded {
    /// Reads one event, known or not, from JSON text.
    ///
    /// # Errors
    /// As [`DriverEvent::from_json`], but for [`DecodeErrorKind::UnknownKind`] and [`DecodeErrorKind::UnknownValue`],
    /// which are no errors here.
    pub fn from_json(json: &[u8]) -> Result<Self, DecodeError> {
        Self::from_json_with(json, Limits::default())
    }

    /// [`from_json`](Self::from_json) with limits of the caller's.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn from_json_with(json: &[u8], limits: Limits) -> Result<Self, DecodeError> {
        let error = match DriverEvent::from_json_with(json, limits) {
            Ok(event) => return Ok(Self::Known(event)),
            Err(error) => error,
        };
        match (error.kind, error.event_kind) {
            (DecodeErrorKind::UnknownKind | DecodeErrorKind::UnknownValue, Some(kind)) => Ok(Self::Unknown {
                kind,
                path: error.path,
                raw: json.to_vec(),
            }),
            (_, event_kind) => Err(DecodeError { event_kind, ..error }),
        }
    }

    /// The JSON: of a known event what [`DriverEvent::to_json`] gives, of an unknown one the bytes as they were read.
    ///
    /// # Errors
    /// As [`DriverEvent::to_json`].
    pub fn to_json(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Known(event) => event.to_json(),
            Self::Unknown { raw, .. } => Ok(raw.clone()),
        }
    }

    /// The event, where it is known.
    #[must_use]
    pub fn known(&self) -> Option<&DriverEvent> {
        match self {
            Self::Known(event) => Some(event),
            Self::Unknown { .. } => None,
        }
    }

    /// The text of `"kind"`.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Known(event) => event.kind().as_str(),
            Self::Unknown { kind, .. } => kind,
        }
    }

    /// The kind, where this version knows it; an event with a value that is not known may still be of a known kind.
    #[must_use]
    pub fn known_kind(&self) -> Option<EventKind> {
        match self {
            Self::Known(event) => Some(event.kind()),
            Self::Unknown { kind, .. } => kind.parse().ok(),
        }
    }

    /// The goal that the event is about. Of an unknown event it is read from where the known kinds have it:
    /// `goal_id`, `goal.id`, or the `goal_id` of `outcome`, `result` or `decision`.
    #[must_use]
    pub fn goal_id(&self) -> Option<GoalId> {
        match self {
            Self::Known(event) => Some(event.goal_id()),
            Self::Unknown { raw, .. } => goal_id_of(raw),
        }
    }
}

impl From<DriverEvent> for Decoded {
    fn from(event: DriverEvent) -> Self {
        Self::Known(event)
    }
}

fn goal_id_of(json: &[u8]) -> Option<GoalId> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        goal_id: Option<&'a RawValue>,
        #[serde(borrow)]
        goal: Option<&'a RawValue>,
        #[serde(borrow)]
        outcome: Option<&'a RawValue>,
        #[serde(borrow)]
        result: Option<&'a RawValue>,
        #[serde(borrow)]
        decision: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct WithId {
        id: GoalId,
    }
    #[derive(Deserialize)]
    struct WithGoalId {
        goal_id: GoalId,
    }
    fn read<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
        raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
    }
    fn read_object<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
        raw.and_then(|raw| strict::object(&mut serde_json::Deserializer::from_str(raw.get())).ok())
    }

    let event: Event<'_> = serde_json::from_slice(json).ok()?;
    read(event.goal_id)
        .or_else(|| read_object(event.goal).map(|WithId { id }| id))
        .or_else(|| {
            [event.outcome, event.result, event.decision]
                .into_iter()
                .find_map(|raw| read_object(raw).map(|WithGoalId { goal_id }| goal_id))
        })
}

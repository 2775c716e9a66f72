use serde::Deserialize;
use serde_json::value::RawValue;

use super::decode_error::{DecodeError, DecodeErrorKind};
use super::encode_error::EncodeError;
use super::limits::Limits;
use super::strict;
use super::surrogates::replace_lone_surrogates;
use crate::event::DriverEvent;
use crate::id::GoalId;
use crate::kind::EventKind;

/// A decoded event: known to this version, or sent by a newer publisher and kept byte for byte.
///
/// # Examples
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
    /// Valid JSON of an unknown kind, or of a known kind whose only fault is an unknown enum value.
    Unknown {
        /// The text of `"kind"`.
        kind: String,
        /// The path of the unknown value: `kind`, or for example `goal.acceptance[0].kind` or `axis`.
        path: String,
        /// The JSON, byte for byte as received.
        raw: Vec<u8>,
    },
}

impl Decoded {
    /// Decodes one event, known or unknown, from JSON with the default [`Limits`].
    ///
    /// # Errors
    /// Returns the errors of [`DriverEvent::from_json`] except [`DecodeErrorKind::UnknownKind`] and
    /// [`DecodeErrorKind::UnknownValue`], for which it returns [`Decoded::Unknown`].
    pub fn from_json(json: &[u8]) -> Result<Self, DecodeError> {
        Self::from_json_with(json, Limits::default())
    }

    /// Decodes one event as [`from_json`](Self::from_json) does, with the given limits.
    ///
    /// # Errors
    /// Returns the same errors as [`from_json`](Self::from_json).
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

    /// Returns the JSON: a known event is encoded by [`DriverEvent::to_json`], an unknown one is the bytes as received.
    ///
    /// # Errors
    /// Returns the errors of [`DriverEvent::to_json`].
    pub fn to_json(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Known(event) => event.to_json(),
            Self::Unknown { raw, .. } => Ok(raw.clone()),
        }
    }

    /// Returns the event, or `None` if it is unknown.
    #[must_use]
    pub fn known(&self) -> Option<&DriverEvent> {
        match self {
            Self::Known(event) => Some(event),
            Self::Unknown { .. } => None,
        }
    }

    /// Returns the text of `"kind"`.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Known(event) => event.kind().as_str(),
            Self::Unknown { kind, .. } => kind,
        }
    }

    /// Returns the kind, or `None` if it is unknown. An [`Unknown`](Self::Unknown) event may have a known kind, with an
    /// unknown value in one of its fields.
    #[must_use]
    pub fn known_kind(&self) -> Option<EventKind> {
        match self {
            Self::Known(event) => Some(event.kind()),
            Self::Unknown { kind, .. } => kind.parse().ok(),
        }
    }

    /// Returns the id of the event's goal.
    ///
    /// In an unknown event it is looked up in the fields that known kinds use: `goal_id`, `goal.id`, or the `goal_id`
    /// of `outcome`, `result` or `decision`. Returns `None` if none of them has a valid id.
    #[must_use]
    pub fn goal_id(&self) -> Option<GoalId> {
        match self {
            Self::Known(event) => Some(event.goal_id()),
            Self::Unknown { raw, .. } => {
                // A key with a lone surrogate prevents reading the others.
                goal_id_of(raw).or_else(|| goal_id_of(&replace_lone_surrogates(raw)?))
            }
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

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names one goal for its whole life. Every event carries it.
///
/// On the wire it is the UUID as lower-case hyphenated text ([RFC 9562], section 4).
///
/// [RFC 9562]: https://www.rfc-editor.org/rfc/rfc9562#section-4
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GoalId(pub Uuid);

/// Names one [`Decision`](crate::Decision).
///
/// On the wire it is the UUID as lower-case hyphenated text ([RFC 9562], section 4).
///
/// [RFC 9562]: https://www.rfc-editor.org/rfc/rfc9562#section-4
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DecisionId(pub Uuid);

impl GoalId {
    /// A new random (version 4) id.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::new_v4())
    }
}

impl DecisionId {
    /// A new random (version 4) id.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::new_v4())
    }
}

/// The same as [`GoalId::new`]: random, not nil.
impl Default for GoalId {
    fn default() -> Self {
        Self::new()
    }
}

/// The same as [`DecisionId::new`]: random, not nil.
impl Default for DecisionId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for GoalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads any form of a UUID that RFC 9562 knows: hyphenated, simple, braced or a URN.
impl FromStr for GoalId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::from_str(text).map(Self)
    }
}

/// Reads any form of a UUID that RFC 9562 knows: hyphenated, simple, braced or a URN.
impl FromStr for DecisionId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::from_str(text).map(Self)
    }
}

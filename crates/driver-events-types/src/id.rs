use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Id of a goal. Every event carries it.
///
/// In the JSON it is a string: the UUID in lower case with hyphens ([RFC 9562], section 4).
///
/// [RFC 9562]: https://www.rfc-editor.org/rfc/rfc9562#section-4
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GoalId(pub Uuid);

/// Id of a [`Decision`](crate::Decision).
///
/// In the JSON it is a string: the UUID in lower case with hyphens ([RFC 9562], section 4).
///
/// [RFC 9562]: https://www.rfc-editor.org/rfc/rfc9562#section-4
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DecisionId(pub Uuid);

#[cfg(feature = "random")]
impl GoalId {
    /// Creates a random id (UUID version 4).
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::new_v4())
    }
}

#[cfg(feature = "random")]
impl DecisionId {
    /// Creates a random id (UUID version 4).
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::new_v4())
    }
}

/// Creates a random id, like [`GoalId::new`]; not the nil UUID.
#[cfg(feature = "random")]
impl Default for GoalId {
    fn default() -> Self {
        Self::new()
    }
}

/// Creates a random id, like [`DecisionId::new`]; not the nil UUID.
#[cfg(feature = "random")]
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

/// Parses a UUID in any form of RFC 9562: hyphenated, simple, braced or URN.
impl FromStr for GoalId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::from_str(text).map(Self)
    }
}

/// Parses a UUID in any form of RFC 9562: hyphenated, simple, braced or URN.
impl FromStr for DecisionId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::from_str(text).map(Self)
    }
}

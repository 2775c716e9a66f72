use serde::{Deserialize, Deserializer, Serialize};

use crate::codec::{float, tagged};

/// Condition that triggered a compaction of the agent's context.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum CompactTrigger {
    /// `token_pressure`: the context window is nearly full.
    TokenPressure {
        /// Fraction of the context window in use; 1.0 is full. NaN and infinity cannot be encoded.
        #[serde(serialize_with = "float::serialize")]
        pct: f64,
        /// Tokens in the context.
        tokens_used: u64,
        /// Capacity of the context window in tokens.
        context_window: u64,
    },
    /// `age`: the context reached its maximum age.
    Age {
        /// Age of the context in minutes.
        age_minutes: u64,
        /// Maximum age in minutes.
        max_age_minutes: u64,
    },
}

impl CompactTrigger {
    /// Returns the text of `"kind"` in the JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TokenPressure { .. } => "token_pressure",
            Self::Age { .. } => "age",
        }
    }
}

/// The fields of each kind, deserialized after the kind is known.
#[derive(Deserialize)]
#[serde(remote = "CompactTrigger", rename_all = "snake_case")]
enum CompactTriggerFields {
    TokenPressure {
        #[serde(deserialize_with = "float::deserialize")]
        pct: f64,
        tokens_used: u64,
        context_window: u64,
    },
    Age {
        age_minutes: u64,
        max_age_minutes: u64,
    },
}

impl<'de> tagged::Fields<'de> for CompactTriggerFields {
    type Enum = CompactTrigger;

    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<CompactTrigger, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for CompactTrigger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        tagged::deserialize::<CompactTriggerFields, D>(deserializer)
    }
}

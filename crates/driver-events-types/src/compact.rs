use serde::{Deserialize, Deserializer, Serialize};

use crate::codec::{float, tagged};

/// Why the driver asked for the agent's context to be compacted.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum CompactTrigger {
    /// `token_pressure`: the context window fills up.
    TokenPressure {
        /// The used part of the window; 1.0 is full. NaN and infinities cannot be encoded.
        #[serde(serialize_with = "float::serialize")]
        pct: f64,
        /// Tokens in the context.
        tokens_used: u64,
        /// Tokens that the context can hold.
        context_window: u64,
    },
    /// `age`: the context has grown old.
    Age {
        /// The age, in minutes.
        age_minutes: u64,
        /// The age that asks for a compaction, in minutes.
        max_age_minutes: u64,
    },
}

impl CompactTrigger {
    /// The text of its `"kind"` in the JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TokenPressure { .. } => "token_pressure",
            Self::Age { .. } => "age",
        }
    }
}

/// The fields of each kind, as the decoder reads them once it knows the kind.
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

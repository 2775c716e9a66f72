use serde::{Deserialize, Deserializer, Serialize};

use crate::codec::tagged;

/// The driver loop's reaction to an error within a turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReplayDecision {
    /// `fresh_session_retry`: the turn is retried in a new session.
    FreshSessionRetry {
        /// Workspace state to roll back to first. Omitted from the JSON if `None`.
        #[serde(skip_serializing_if = "Option::is_none")]
        rollback_to: Option<String>,
    },
    /// `next_turn`: the turn is abandoned and the next one starts.
    NextTurn {
        /// Workspace state to roll back to first. Omitted from the JSON if `None`.
        #[serde(skip_serializing_if = "Option::is_none")]
        rollback_to: Option<String>,
    },
    /// `compact_and_retry`: the context is compacted and the turn is retried.
    CompactAndRetry,
    /// `escalate`: an operator must take over.
    Escalate {
        /// Reason for the escalation.
        reason: String,
    },
}

impl ReplayDecision {
    /// Returns the text of `"kind"` in the JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::FreshSessionRetry { .. } => "fresh_session_retry",
            Self::NextTurn { .. } => "next_turn",
            Self::CompactAndRetry => "compact_and_retry",
            Self::Escalate { .. } => "escalate",
        }
    }
}

/// The fields of each kind, deserialized after the kind is known.
#[derive(Deserialize)]
#[serde(remote = "ReplayDecision", rename_all = "snake_case")]
enum ReplayDecisionFields {
    FreshSessionRetry {
        #[serde(default)]
        rollback_to: Option<String>,
    },
    NextTurn {
        #[serde(default)]
        rollback_to: Option<String>,
    },
    CompactAndRetry,
    Escalate {
        reason: String,
    },
}

impl<'de> tagged::Fields<'de> for ReplayDecisionFields {
    type Enum = ReplayDecision;

    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<ReplayDecision, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for ReplayDecision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        tagged::deserialize::<ReplayDecisionFields, D>(deserializer)
    }
}

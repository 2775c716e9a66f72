use serde::{Deserialize, Deserializer, Serialize};

use crate::codec::tagged;

/// How the driver loop answers an error in the middle of a turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReplayDecision {
    /// `fresh_session_retry`: the turn starts again in a new session.
    FreshSessionRetry {
        /// The state of the workspace to return to first. Left out of the JSON when absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        rollback_to: Option<String>,
    },
    /// `next_turn`: the turn is given up and the next one starts.
    NextTurn {
        /// The state of the workspace to return to first. Left out of the JSON when absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        rollback_to: Option<String>,
    },
    /// `compact_and_retry`: the context is compacted and the turn starts again.
    CompactAndRetry,
    /// `escalate`: a person must take over.
    Escalate {
        /// Why.
        reason: String,
    },
}

impl ReplayDecision {
    /// The text of its `"kind"` in the JSON.
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

/// The fields of each kind, as the decoder reads them once it knows the kind.
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

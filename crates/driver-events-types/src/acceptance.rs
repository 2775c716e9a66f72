use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::codec::{json, strict, tagged, time};

/// One thing that must hold before a goal counts as done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AcceptanceCriterion {
    /// `shell_command`: a command that must end well.
    ShellCommand {
        /// The command, as a shell reads it.
        command: String,
        /// The exit status that counts as success; absent: the evaluator's default.
        #[serde(skip_serializing_if = "Option::is_none")]
        expected_exit: Option<i32>,
        /// A regular expression that the standard output must match.
        #[serde(skip_serializing_if = "Option::is_none")]
        stdout_must_match: Option<String>,
        /// Seconds until the command counts as failed; 0: the evaluator's default. Decodes as 300 when missing.
        timeout_secs: u64,
    },
    /// `file_matches`: a file whose text must match.
    FileMatches {
        /// The file, relative to the goal's workspace.
        path: String,
        /// The regular expression.
        regex: String,
        /// Whether a missing file is a failure. Decodes as true when missing.
        required: bool,
    },
    /// `custom`: a check that the driver knows by name.
    Custom {
        /// The check's name.
        name: String,
        /// What the check is told.
        #[serde(serialize_with = "json::serialize")]
        args: Value,
    },
    /// `llm_judge`: a criterion in words that a model judges.
    LlmJudge {
        /// The criterion.
        criterion_text: String,
    },
}

impl AcceptanceCriterion {
    /// The text of its `"kind"` in the JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::ShellCommand { .. } => "shell_command",
            Self::FileMatches { .. } => "file_matches",
            Self::Custom { .. } => "custom",
            Self::LlmJudge { .. } => "llm_judge",
        }
    }

    /// A command that must exit as the evaluator expects, with the evaluator's default timeout (`timeout_secs: 0`).
    #[must_use]
    pub fn shell(command: impl Into<String>) -> Self {
        Self::ShellCommand {
            command: command.into(),
            expected_exit: None,
            stdout_must_match: None,
            timeout_secs: 0,
        }
    }

    /// A file that must be there and match `regex`.
    #[must_use]
    pub fn file(path: impl Into<String>, regex: impl Into<String>) -> Self {
        Self::FileMatches {
            path: path.into(),
            regex: regex.into(),
            required: true,
        }
    }

    /// A criterion in words that a model judges.
    #[must_use]
    pub fn llm_judge(criterion_text: impl Into<String>) -> Self {
        Self::LlmJudge {
            criterion_text: criterion_text.into(),
        }
    }
}

/// The fields of each kind, as the decoder reads them once it knows the kind.
#[derive(Deserialize)]
#[serde(remote = "AcceptanceCriterion", rename_all = "snake_case")]
enum AcceptanceCriterionFields {
    ShellCommand {
        command: String,
        #[serde(default)]
        expected_exit: Option<i32>,
        #[serde(default)]
        stdout_must_match: Option<String>,
        #[serde(default = "default_timeout_secs")]
        timeout_secs: u64,
    },
    FileMatches {
        path: String,
        regex: String,
        #[serde(default = "default_required")]
        required: bool,
    },
    Custom {
        name: String,
        #[serde(deserialize_with = "json::deserialize")]
        args: Value,
    },
    LlmJudge {
        criterion_text: String,
    },
}

fn default_timeout_secs() -> u64 {
    300
}

fn default_required() -> bool {
    true
}

impl<'de> tagged::Fields<'de> for AcceptanceCriterionFields {
    type Enum = AcceptanceCriterion;

    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<AcceptanceCriterion, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for AcceptanceCriterion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        tagged::deserialize::<AcceptanceCriterionFields, D>(deserializer)
    }
}

/// The verdict on a goal's criteria after the agent claimed to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptanceVerdict {
    /// Whether every criterion holds.
    pub met: bool,
    /// The criteria that do not hold. Decodes as empty when missing.
    #[serde(default, deserialize_with = "strict::objects")]
    pub failures: Vec<AcceptanceFailure>,
    /// When the verdict was reached.
    #[serde(with = "time")]
    pub evaluated_at: DateTime<Utc>,
    /// How long the evaluation took, in milliseconds.
    pub elapsed_ms: u64,
}

/// One criterion that does not hold, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptanceFailure {
    /// The criterion's place in [`Goal::acceptance`](crate::Goal::acceptance), from 0.
    pub criterion_index: usize,
    /// A short name of the criterion, for people.
    pub criterion_label: String,
    /// Why it does not hold.
    pub message: String,
    /// What the evaluator saw. Left out of the JSON when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

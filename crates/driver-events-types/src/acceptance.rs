use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::codec::{json, strict, tagged, time};

/// A criterion that must be met before a goal is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AcceptanceCriterion {
    /// `shell_command`: a command that must succeed.
    ShellCommand {
        /// Command line for a shell.
        command: String,
        /// Exit status that counts as success. Default: the evaluator's.
        #[serde(skip_serializing_if = "Option::is_none")]
        expected_exit: Option<i32>,
        /// Regular expression that stdout must match.
        #[serde(skip_serializing_if = "Option::is_none")]
        stdout_must_match: Option<String>,
        /// Timeout in seconds; 0 means the evaluator's default. Decodes as 300 if missing.
        timeout_secs: u64,
    },
    /// `file_matches`: a file whose content must match.
    FileMatches {
        /// Path of the file, relative to the goal's workspace.
        path: String,
        /// Regular expression that the content must match.
        regex: String,
        /// Whether a missing file fails the criterion. Decodes as true if missing.
        required: bool,
    },
    /// `custom`: a check that is registered with the driver.
    Custom {
        /// Name of the check.
        name: String,
        /// Arguments of the check.
        #[serde(serialize_with = "json::serialize")]
        args: Value,
    },
    /// `llm_judge`: a criterion in prose that a model evaluates.
    LlmJudge {
        /// Text of the criterion.
        criterion_text: String,
    },
}

impl AcceptanceCriterion {
    /// Returns the text of `"kind"` in the JSON.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::ShellCommand { .. } => "shell_command",
            Self::FileMatches { .. } => "file_matches",
            Self::Custom { .. } => "custom",
            Self::LlmJudge { .. } => "llm_judge",
        }
    }

    /// Creates a `shell_command` with the evaluator's default exit status and timeout (`timeout_secs: 0`).
    #[must_use]
    pub fn shell(command: impl Into<String>) -> Self {
        Self::ShellCommand {
            command: command.into(),
            expected_exit: None,
            stdout_must_match: None,
            timeout_secs: 0,
        }
    }

    /// Creates a `file_matches` for a file that must exist and match `regex`.
    #[must_use]
    pub fn file(path: impl Into<String>, regex: impl Into<String>) -> Self {
        Self::FileMatches {
            path: path.into(),
            regex: regex.into(),
            required: true,
        }
    }

    /// Creates an `llm_judge`.
    #[must_use]
    pub fn llm_judge(criterion_text: impl Into<String>) -> Self {
        Self::LlmJudge {
            criterion_text: criterion_text.into(),
        }
    }
}

/// The fields of each kind, deserialized after the kind is known.
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

/// Verdict on a goal's acceptance criteria, after the agent claimed to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptanceVerdict {
    /// Whether every criterion is met.
    pub met: bool,
    /// Criteria that are not met. Decodes as empty if missing.
    #[serde(default, deserialize_with = "strict::objects")]
    pub failures: Vec<AcceptanceFailure>,
    /// Time of the verdict.
    #[serde(with = "time")]
    pub evaluated_at: DateTime<Utc>,
    /// Duration of the evaluation in milliseconds.
    pub elapsed_ms: u64,
}

/// A criterion that is not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptanceFailure {
    /// Index of the criterion in [`Goal::acceptance`](crate::Goal::acceptance), from 0. A 32-bit target, such as WebAssembly,
    /// refuses indexes that exceed 32 bits.
    pub criterion_index: usize,
    /// Short label of the criterion for display.
    pub criterion_label: String,
    /// Reason why it is not met.
    pub message: String,
    /// Evidence from the evaluator, such as the output of a command. Omitted from the JSON if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

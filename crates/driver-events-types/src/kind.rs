use std::fmt;
use std::str::FromStr;

/// The NATS wildcard subject that matches the subjects of all kinds. The final
/// [`>`](https://docs.nats.io/nats-concepts/subjects) matches one or more tokens.
pub const SUBJECT_WILDCARD: &str = "agent.driver.>";

/// The default Kafka topic, which takes the events of all kinds. Frozen, as the subjects are.
pub const DEFAULT_TOPIC: &str = "agent.driver";

/// The kind of a [`DriverEvent`](crate::DriverEvent), without its fields.
///
/// [`as_str`](Self::as_str) is the text of `"kind"` in the JSON, [`subject`](Self::subject) the NATS subject,
/// [`topic`](Self::topic) the Kafka topic if each kind has its own. All three are frozen: a released name never changes
/// and is never removed.
///
/// # Examples
/// ```
/// use driver_events_types::EventKind;
///
/// let kind: EventKind = "replay_decision".parse()?;
/// assert_eq!(kind, EventKind::ReplayDecision);
/// assert_eq!(kind.subject(), "agent.driver.replay");
/// # Ok::<(), driver_events_types::UnknownKind>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// `goal_started`
    GoalStarted,
    /// `goal_completed`
    GoalCompleted,
    /// `attempt_started`
    AttemptStarted,
    /// `attempt_completed`
    AttemptCompleted,
    /// `decision`
    Decision,
    /// `acceptance`
    Acceptance,
    /// `budget_exhausted`
    BudgetExhausted,
    /// `escalate`
    Escalate,
    /// `replay_decision`
    ReplayDecision,
    /// `compact_requested`
    CompactRequested,
    /// `compact_completed`
    CompactCompleted,
    /// `compact_summary_stored`
    CompactSummaryStored,
    /// `extract_memories_completed`
    ExtractMemoriesCompleted,
    /// `extract_memories_skipped`
    ExtractMemoriesSkipped,
    /// `auto_dream_outcome`
    AutoDreamOutcome,
    /// `progress`
    Progress,
}

impl EventKind {
    /// All kinds, in the contract's order.
    pub const ALL: &'static [Self] = &[
        Self::GoalStarted,
        Self::GoalCompleted,
        Self::AttemptStarted,
        Self::AttemptCompleted,
        Self::Decision,
        Self::Acceptance,
        Self::BudgetExhausted,
        Self::Escalate,
        Self::ReplayDecision,
        Self::CompactRequested,
        Self::CompactCompleted,
        Self::CompactSummaryStored,
        Self::ExtractMemoriesCompleted,
        Self::ExtractMemoriesSkipped,
        Self::AutoDreamOutcome,
        Self::Progress,
    ];

    /// Returns the text of `"kind"` in the JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GoalStarted => "goal_started",
            Self::GoalCompleted => "goal_completed",
            Self::AttemptStarted => "attempt_started",
            Self::AttemptCompleted => "attempt_completed",
            Self::Decision => "decision",
            Self::Acceptance => "acceptance",
            Self::BudgetExhausted => "budget_exhausted",
            Self::Escalate => "escalate",
            Self::ReplayDecision => "replay_decision",
            Self::CompactRequested => "compact_requested",
            Self::CompactCompleted => "compact_completed",
            Self::CompactSummaryStored => "compact_summary_stored",
            Self::ExtractMemoriesCompleted => "extract_memories_completed",
            Self::ExtractMemoriesSkipped => "extract_memories_skipped",
            Self::AutoDreamOutcome => "auto_dream_outcome",
            Self::Progress => "progress",
        }
    }

    /// Returns the NATS subject of the kind.
    #[must_use]
    pub const fn subject(self) -> &'static str {
        match self {
            Self::GoalStarted => "agent.driver.goal.started",
            Self::GoalCompleted => "agent.driver.goal.completed",
            Self::AttemptStarted => "agent.driver.attempt.started",
            Self::AttemptCompleted => "agent.driver.attempt.completed",
            Self::Decision => "agent.driver.decision",
            Self::Acceptance => "agent.driver.acceptance",
            Self::BudgetExhausted => "agent.driver.budget.exhausted",
            Self::Escalate => "agent.driver.escalate",
            Self::ReplayDecision => "agent.driver.replay",
            Self::CompactRequested => "agent.driver.compact",
            Self::CompactCompleted => "agent.driver.compact.completed",
            Self::CompactSummaryStored => "agent.driver.compact.summary_stored",
            Self::ExtractMemoriesCompleted => "agent.driver.extract_memories.completed",
            Self::ExtractMemoriesSkipped => "agent.driver.extract_memories.skipped",
            Self::AutoDreamOutcome => "agent.driver.auto_dream",
            Self::Progress => "agent.driver.progress",
        }
    }

    /// Returns the Kafka topic of the kind, for publishers that use one topic per kind; the others use
    /// [`DEFAULT_TOPIC`]. It has the same name as the [`subject`](Self::subject).
    #[must_use]
    pub const fn topic(self) -> &'static str {
        self.subject()
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Parses the exact text of [`EventKind::as_str`].
impl FromStr for EventKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// An error from parsing an [`EventKind`]: the text is not a kind of this version.
///
/// In an event, it may come from a newer publisher: pass the event on. In user input, report the error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown event kind `{}`", .0.escape_debug())]
pub struct UnknownKind(String);

impl UnknownKind {
    /// Returns the text.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.0
    }
}

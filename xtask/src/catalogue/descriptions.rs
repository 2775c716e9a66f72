//! The description of each kind.

use anyhow::{Result, bail};
use driver_events_types::EventKind;

/// Returns the description of this kind, one or two sentences.
///
/// # Errors
/// Returns an error if the table lacks this kind.
pub(super) fn of(kind: EventKind) -> Result<&'static str> {
    Ok(match kind {
        EventKind::GoalStarted => "The driver accepted a goal: a description, acceptance criteria and a budget.",
        EventKind::GoalCompleted => "The goal ended, successfully or not.",
        EventKind::AttemptStarted => "An attempt (a turn) of the agent started. Attempts are numbered from 0.",
        EventKind::AttemptCompleted => "An attempt ended, with its results.",
        EventKind::Decision => "The driver allowed, denied or observed a tool call that the agent proposed.",
        EventKind::Acceptance => "The agent claimed to be done, and the acceptance criteria were evaluated.",
        EventKind::BudgetExhausted => "A limit of the goal's budget was reached.",
        EventKind::Escalate => "The goal was escalated to a person.",
        EventKind::ReplayDecision => "The driver decided how to continue after an error during a turn.",
        EventKind::CompactRequested => "The agent was asked to compact its context.",
        EventKind::CompactCompleted => "The context was compacted. Follows [`compact_requested`](#compact_requested).",
        EventKind::CompactSummaryStored => "The summary that replaces the compacted context was stored.",
        EventKind::ExtractMemoriesCompleted => "A background pass extracted and saved memories.",
        EventKind::ExtractMemoriesSkipped => "The pass that extracts memories was skipped.",
        EventKind::AutoDreamOutcome => "The outcome of the background pass that consolidates memories.",
        EventKind::Progress => "A heartbeat every few turns, with the budget used so far.",
        _ => bail!("`{kind}` has no description: add one to xtask/src/catalogue/descriptions.rs"),
    })
}

//! What each kind means, in the words of the contract.

use anyhow::{Result, bail};
use driver_events_types::EventKind;

/// What an event of this kind says, as one or two sentences.
///
/// # Errors
/// When the kind is newer than this table.
pub(super) fn of(kind: EventKind) -> Result<&'static str> {
    Ok(match kind {
        EventKind::GoalStarted => "The driver took on a goal: a description, acceptance criteria and a budget.",
        EventKind::GoalCompleted => "The goal ended, well or not.",
        EventKind::AttemptStarted => "An attempt (a turn) of the agent begins. Attempts count from 0.",
        EventKind::AttemptCompleted => "An attempt ended, with all that it came to.",
        EventKind::Decision => "The driver answered a tool call that the agent proposed.",
        EventKind::Acceptance => "The agent claimed to be done, and the acceptance criteria were evaluated.",
        EventKind::BudgetExhausted => "A limit of the goal's budget is reached.",
        EventKind::Escalate => "The goal is handed to a person.",
        EventKind::ReplayDecision => "The driver answered an error in the middle of a turn.",
        EventKind::CompactRequested => "The agent is asked to shrink its context.",
        EventKind::CompactCompleted => {
            "The context was shrunk. Told on the turn after [`compact_requested`](#compact_requested)."
        }
        EventKind::CompactSummaryStored => "The summary that stands for the shrunk context was stored.",
        EventKind::ExtractMemoriesCompleted => "A background pass saved what was learnt.",
        EventKind::ExtractMemoriesSkipped => "The pass that saves what was learnt did not run.",
        EventKind::AutoDreamOutcome => "The background pass that tidies what was learnt ran, or did not.",
        EventKind::Progress => "A beacon every few turns: the goal is alive, and this is what it has used.",
        _ => bail!("`{kind}` is new: say what it means in xtask/src/catalogue/meaning.rs"),
    })
}

//! Colours, as the ANSI sequences for "select graphic rendition". Only the eight colours that every terminal maps to its
//! own theme.

use driver_events_types::EventKind;

pub(super) const RESET: &str = "\x1b[0m";
pub(super) const DIM: &str = "\x1b[2m";

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const BLUE: &str = "\x1b[34m";
const MAGENTA: &str = "\x1b[35m";
const CYAN: &str = "\x1b[36m";

/// One colour for each sort of kinds, so that the eye finds what asks for a person: the red ones.
pub(super) fn of_kind(kind: Option<EventKind>) -> &'static str {
    match kind {
        Some(EventKind::GoalStarted | EventKind::GoalCompleted) => CYAN,
        Some(EventKind::AttemptStarted | EventKind::AttemptCompleted) => BLUE,
        Some(EventKind::Decision) => YELLOW,
        Some(EventKind::Acceptance) => GREEN,
        Some(EventKind::BudgetExhausted | EventKind::Escalate | EventKind::ReplayDecision) => RED,
        Some(
            EventKind::CompactRequested
            | EventKind::CompactCompleted
            | EventKind::CompactSummaryStored
            | EventKind::ExtractMemoriesCompleted
            | EventKind::ExtractMemoriesSkipped
            | EventKind::AutoDreamOutcome,
        ) => MAGENTA,
        Some(EventKind::Progress) => DIM,
        // What only a newer version knows.
        _ => BOLD,
    }
}

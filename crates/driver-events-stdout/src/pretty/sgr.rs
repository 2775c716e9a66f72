//! Colours as ANSI "select graphic rendition" sequences. Only the eight standard colours, which every terminal maps to its
//! theme.

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

/// Returns the colour of a kind. Red is reserved for kinds that may need an operator.
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
        // An unknown kind.
        _ => BOLD,
    }
}

use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

use driver_events_types::{
    AcceptanceFailure, AcceptanceVerdict, AttemptOutcome, AttemptResult, BudgetUsage, CompactTrigger, Decision,
    DecisionChoice, DriverEvent, Goal, GoalOutcome, ReplayDecision,
};

use super::style::Style;
use super::text::{compact, write_text};

/// Writes the details of an event on one line, separated by ` · `.
///
/// Text from the event must be passed to [`text`](Self::text), [`labelled`](Self::labelled) or [`json`](Self::json), which
/// escape and truncate it. [`item`](Self::item) is for numbers and fixed words.
pub(super) struct DetailWriter<'a> {
    style: Style,
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl<'a> DetailWriter<'a> {
    pub(super) fn new(style: Style, out: &'a mut Vec<u8>) -> Self {
        Self {
            style,
            out,
            is_first: true,
        }
    }

    pub(super) fn event(&mut self, event: &DriverEvent) {
        if let Some(turn) = event.turn_index() {
            self.item(format_args!("turn {turn}"));
        }
        match event {
            DriverEvent::GoalStarted { goal } => self.goal(goal),
            DriverEvent::GoalCompleted { outcome } => self.goal_outcome(outcome),
            DriverEvent::AttemptStarted { usage, .. } => self.usage(usage),
            DriverEvent::AttemptCompleted { result } => self.attempt_result(result),
            DriverEvent::Decision { decision } => self.decision(decision),
            DriverEvent::Acceptance { verdict, .. } => {
                self.verdict(verdict);
                self.item(format_ms(verdict.elapsed_ms));
            }
            DriverEvent::BudgetExhausted { axis, usage, .. } => {
                self.item(axis.as_str());
                self.usage(usage);
            }
            DriverEvent::Escalate { reason, .. } => self.text(reason),
            DriverEvent::ReplayDecision {
                decision,
                error_message,
                ..
            } => {
                self.replay(decision);
                self.text(error_message);
            }
            DriverEvent::CompactRequested {
                focus,
                token_pressure,
                before_tokens,
                age_minutes,
                trigger,
                ..
            } => {
                self.trigger(trigger);
                let tokens = count(*before_tokens, "token", "tokens");
                let age = count(*age_minutes, "minute", "minutes");
                self.item(format_args!("pressure {token_pressure:?}, {tokens}, {age} old"));
                self.labelled("focus", focus);
            }
            DriverEvent::CompactCompleted { after_tokens, .. } => {
                self.item(format_args!("{} left", count(*after_tokens, "token", "tokens")));
            }
            DriverEvent::CompactSummaryStored {
                before_tokens,
                after_tokens,
                ..
            } => self.item(format_args!(
                "{before_tokens} → {}",
                count(*after_tokens, "token", "tokens")
            )),
            DriverEvent::ExtractMemoriesCompleted {
                memories_saved,
                duration_ms,
                ..
            } => {
                self.item(format_args!("{} saved", count(*memories_saved, "memory", "memories")));
                self.item(format_ms(*duration_ms));
            }
            DriverEvent::ExtractMemoriesSkipped { reason, .. } => self.item(reason.as_str()),
            DriverEvent::AutoDreamOutcome { outcome_kind, .. } => self.item(outcome_kind.as_str()),
            DriverEvent::Progress { usage, last_text, .. } => {
                self.usage(usage);
                self.optional(last_text.as_deref());
            }
            other => self.text(&format!("{other:?}")),
        }
    }

    fn goal(&mut self, goal: &Goal) {
        self.text(&goal.description);
        self.item(count(goal.acceptance.len(), "criterion", "criteria"));
        let budget = &goal.budget;
        self.item(format_args!(
            "at most {}, {}, {}",
            count(budget.max_turns, "turn", "turns"),
            format_duration(budget.max_wall_time),
            count(budget.max_tokens, "token", "tokens")
        ));
        if let Some(agent) = goal.agent_id() {
            self.labelled("agent", agent);
        }
        if let Some(workspace) = &goal.workspace {
            self.labelled("workspace", workspace);
        }
    }

    fn goal_outcome(&mut self, outcome: &GoalOutcome) {
        self.outcome(&outcome.outcome);
        self.item(format_args!("after {}", format_duration(outcome.elapsed)));
        self.usage(&outcome.usage);
        self.optional(outcome.final_text.as_deref());
    }

    fn attempt_result(&mut self, result: &AttemptResult) {
        self.outcome(&result.outcome);
        if !result.decisions_recorded.is_empty() {
            self.item(count(result.decisions_recorded.len(), "decision", "decisions"));
        }
        self.usage(&result.usage_after);
        self.optional(result.final_text.as_deref());
    }

    fn outcome(&mut self, outcome: &AttemptOutcome) {
        match outcome {
            AttemptOutcome::Done => self.item("done"),
            AttemptOutcome::NeedsRetry { failures } => {
                self.item("needs retry");
                self.failures(failures);
            }
            AttemptOutcome::Continue { reason } => self.labelled("continue", reason),
            AttemptOutcome::Sleep { duration_ms, reason } => {
                self.item(format_args!("sleep {}", format_ms(*duration_ms)));
                self.text(reason);
            }
            AttemptOutcome::BudgetExhausted { axis } => self.item(format_args!("budget exhausted: {}", axis.as_str())),
            AttemptOutcome::Cancelled => self.item("cancelled"),
            AttemptOutcome::Escalate { reason } => self.labelled("escalate", reason),
            other => self.text(&format!("{other:?}")),
        }
    }

    fn usage(&mut self, usage: &BudgetUsage) {
        let turns = count(usage.turns, "turn", "turns");
        let tokens = count(usage.tokens, "token", "tokens");
        self.item(format_args!("{turns}, {}, {tokens}", format_duration(usage.wall_time)));
        let in_a_row = [
            (usage.consecutive_denies, "deny in a row", "denies in a row"),
            (usage.consecutive_errors, "error in a row", "errors in a row"),
            (usage.consecutive_413, "time too large (413)", "times too large (413)"),
        ];
        for (number, one, many) in in_a_row.into_iter().filter(|(number, ..)| *number > 0) {
            self.item(count(number, one, many));
        }
    }

    fn decision(&mut self, decision: &Decision) {
        match &decision.choice {
            DecisionChoice::Allow => self.labelled("allow", &decision.tool),
            DecisionChoice::Deny { message } => {
                self.labelled("deny", &decision.tool);
                self.text(message);
            }
            DecisionChoice::Observe { note } => {
                self.labelled("observe", &decision.tool);
                self.text(note);
            }
            other => self.text(&format!("{} {other:?}", decision.tool)),
        }
        if !decision.input.is_null() {
            self.json(decision.input.to_string().as_bytes());
        }
        self.text(&decision.rationale);
    }

    fn verdict(&mut self, verdict: &AcceptanceVerdict) {
        self.item(if verdict.met { "met" } else { "not met" });
        self.failures(&verdict.failures);
    }

    fn failures(&mut self, failures: &[AcceptanceFailure]) {
        if let Some((first, others)) = failures.split_first() {
            self.labelled(&first.criterion_label, &first.message);
            if !others.is_empty() {
                self.item(format_args!("and {} more", others.len()));
            }
        }
    }

    fn replay(&mut self, decision: &ReplayDecision) {
        match decision {
            ReplayDecision::FreshSessionRetry { rollback_to } => {
                self.with_rollback("fresh session", rollback_to.as_deref())
            }
            ReplayDecision::NextTurn { rollback_to } => self.with_rollback("next turn", rollback_to.as_deref()),
            ReplayDecision::CompactAndRetry => self.item("compact and retry"),
            ReplayDecision::Escalate { reason } => self.labelled("escalate", reason),
            other => self.text(&format!("{other:?}")),
        }
    }

    fn with_rollback(&mut self, action: &str, rollback_to: Option<&str>) {
        self.item(action);
        if let Some(state) = rollback_to {
            self.labelled("back to", state);
        }
    }

    fn trigger(&mut self, trigger: &CompactTrigger) {
        match trigger {
            CompactTrigger::TokenPressure {
                pct,
                tokens_used,
                context_window,
            } => {
                let window = count(*context_window, "token", "tokens");
                self.item(format_args!("token pressure {pct:?}: {tokens_used} of {window}"));
            }
            CompactTrigger::Age {
                age_minutes,
                max_age_minutes,
            } => {
                let limit = count(*max_age_minutes, "minute", "minutes");
                self.item(format_args!("age: {age_minutes} of {limit}"));
            }
            other => self.text(&format!("{other:?}")),
        }
    }

    fn optional(&mut self, text: Option<&str>) {
        if let Some(text) = text {
            self.text(text);
        }
    }

    /// Writes an item as it is.
    fn item(&mut self, item: impl Display) {
        self.separate();
        // Writing to memory cannot fail.
        let _ = write!(self.out, "{item}");
    }

    /// Writes a text of the event, unless it is empty.
    fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.separate();
            write_text(text.chars(), self.style.max_text_chars(), self.out);
        }
    }

    /// Writes `label: text`, both of which may come from the event. If one is empty, writes only the other.
    pub(super) fn labelled(&mut self, label: &str, text: &str) {
        self.text(label);
        if label.is_empty() {
            self.text(text);
        } else if !text.is_empty() {
            self.out.extend_from_slice(b": ");
            write_text(text.chars(), self.style.max_text_chars(), self.out);
        }
    }

    /// Writes JSON of the event.
    pub(super) fn json(&mut self, json: &[u8]) {
        self.separate();
        let json = String::from_utf8_lossy(json);
        write_text(compact(&json), self.style.max_text_chars(), self.out);
    }

    fn separate(&mut self) {
        if !self.is_first {
            self.out.extend_from_slice(" · ".as_bytes());
        }
        self.is_first = false;
    }
}

fn count(number: impl Display, one: &str, many: &str) -> String {
    let number = number.to_string();
    let unit = if number == "1" { one } else { many };
    format!("{number} {unit}")
}

fn format_ms(milliseconds: u64) -> String {
    format_duration(Duration::from_millis(milliseconds))
}

/// Formats a duration as `0s`, `650ms`, `8.65s`, `4m 1s`, `30m` or `2h 5m`: truncated to milliseconds, and to seconds
/// from a minute up.
fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        let exact = Duration::new(seconds, duration.subsec_millis() * 1_000_000);
        return if exact.is_zero() {
            "0s".to_owned()
        } else {
            format!("{exact:?}")
        };
    }
    let parts = [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    parts.join(" ")
}

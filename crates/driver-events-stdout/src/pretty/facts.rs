use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

use driver_events_types::{
    AcceptanceFailure, AcceptanceVerdict, AttemptOutcome, AttemptResult, BudgetUsage, CompactTrigger, Decision,
    DecisionChoice, DriverEvent, Goal, GoalOutcome, ReplayDecision,
};

use super::Style;
use super::text::{compact, write_text};

/// What an event tells, fact by fact, on one line.
///
/// Whatever an event contains goes through [`text`](Self::text), [`labelled`](Self::labelled) or [`json`](Self::json),
/// which escape it and shorten it. [`fact`](Self::fact) takes numbers and words of our own.
pub(super) struct Facts<'a> {
    style: Style,
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl<'a> Facts<'a> {
    pub(super) fn new(style: Style, out: &'a mut Vec<u8>) -> Self {
        Self {
            style,
            out,
            is_first: true,
        }
    }

    pub(super) fn event(&mut self, event: &DriverEvent) {
        if let Some(turn) = event.turn_index() {
            self.fact(format_args!("turn {turn}"));
        }
        match event {
            DriverEvent::GoalStarted { goal } => self.goal(goal),
            DriverEvent::GoalCompleted { outcome } => self.goal_outcome(outcome),
            DriverEvent::AttemptStarted { usage, .. } => self.usage(usage),
            DriverEvent::AttemptCompleted { result } => self.attempt_result(result),
            DriverEvent::Decision { decision } => self.decision(decision),
            DriverEvent::Acceptance { verdict, .. } => {
                self.verdict(verdict);
                self.fact(milliseconds(verdict.elapsed_ms));
            }
            DriverEvent::BudgetExhausted { axis, usage, .. } => {
                self.fact(axis.as_str());
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
                self.fact(format_args!("pressure {token_pressure:?}, {tokens}, {age} old"));
                self.labelled("focus", focus);
            }
            DriverEvent::CompactCompleted { after_tokens, .. } => {
                self.fact(format_args!("{} left", count(*after_tokens, "token", "tokens")));
            }
            DriverEvent::CompactSummaryStored {
                before_tokens,
                after_tokens,
                ..
            } => self.fact(format_args!(
                "{before_tokens} → {}",
                count(*after_tokens, "token", "tokens")
            )),
            DriverEvent::ExtractMemoriesCompleted {
                memories_saved,
                duration_ms,
                ..
            } => {
                self.fact(format_args!("{} saved", count(*memories_saved, "memory", "memories")));
                self.fact(milliseconds(*duration_ms));
            }
            DriverEvent::ExtractMemoriesSkipped { reason, .. } => self.fact(reason.as_str()),
            DriverEvent::AutoDreamOutcome { outcome_kind, .. } => self.fact(outcome_kind.as_str()),
            DriverEvent::Progress { usage, last_text, .. } => {
                self.usage(usage);
                self.optional(last_text.as_deref());
            }
            other => self.text(&format!("{other:?}")),
        }
    }

    fn goal(&mut self, goal: &Goal) {
        self.text(&goal.description);
        self.fact(count(goal.acceptance.len(), "criterion", "criteria"));
        let budget = &goal.budget;
        self.fact(format_args!(
            "at most {}, {}, {}",
            count(budget.max_turns, "turn", "turns"),
            span(budget.max_wall_time),
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
        self.fact(format_args!("after {}", span(outcome.elapsed)));
        self.usage(&outcome.usage);
        self.optional(outcome.final_text.as_deref());
    }

    fn attempt_result(&mut self, result: &AttemptResult) {
        self.outcome(&result.outcome);
        if !result.decisions_recorded.is_empty() {
            self.fact(count(result.decisions_recorded.len(), "decision", "decisions"));
        }
        self.usage(&result.usage_after);
        self.optional(result.final_text.as_deref());
    }

    fn outcome(&mut self, outcome: &AttemptOutcome) {
        match outcome {
            AttemptOutcome::Done => self.fact("done"),
            AttemptOutcome::NeedsRetry { failures } => {
                self.fact("needs retry");
                self.failures(failures);
            }
            AttemptOutcome::Continue { reason } => self.labelled("continue", reason),
            AttemptOutcome::Sleep { duration_ms, reason } => {
                self.fact(format_args!("sleep {}", milliseconds(*duration_ms)));
                self.text(reason);
            }
            AttemptOutcome::BudgetExhausted { axis } => self.fact(format_args!("budget exhausted: {}", axis.as_str())),
            AttemptOutcome::Cancelled => self.fact("cancelled"),
            AttemptOutcome::Escalate { reason } => self.labelled("escalate", reason),
            other => self.text(&format!("{other:?}")),
        }
    }

    fn usage(&mut self, usage: &BudgetUsage) {
        let turns = count(usage.turns, "turn", "turns");
        let tokens = count(usage.tokens, "token", "tokens");
        self.fact(format_args!("{turns}, {}, {tokens}", span(usage.wall_time)));
        let in_a_row = [
            (usage.consecutive_denies, "deny in a row", "denies in a row"),
            (usage.consecutive_errors, "error in a row", "errors in a row"),
            (usage.consecutive_413, "time too large (413)", "times too large (413)"),
        ];
        for (number, one, many) in in_a_row.into_iter().filter(|(number, ..)| *number > 0) {
            self.fact(count(number, one, many));
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
        self.fact(if verdict.met { "met" } else { "not met" });
        self.failures(&verdict.failures);
    }

    fn failures(&mut self, failures: &[AcceptanceFailure]) {
        if let Some((first, others)) = failures.split_first() {
            self.labelled(&first.criterion_label, &first.message);
            if !others.is_empty() {
                self.fact(format_args!("and {} more", others.len()));
            }
        }
    }

    fn replay(&mut self, decision: &ReplayDecision) {
        match decision {
            ReplayDecision::FreshSessionRetry { rollback_to } => self.back_to("fresh session", rollback_to.as_deref()),
            ReplayDecision::NextTurn { rollback_to } => self.back_to("next turn", rollback_to.as_deref()),
            ReplayDecision::CompactAndRetry => self.fact("compact and retry"),
            ReplayDecision::Escalate { reason } => self.labelled("escalate", reason),
            other => self.text(&format!("{other:?}")),
        }
    }

    fn back_to(&mut self, answer: &str, rollback_to: Option<&str>) {
        self.fact(answer);
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
                self.fact(format_args!("token pressure {pct:?}: {tokens_used} of {window}"));
            }
            CompactTrigger::Age {
                age_minutes,
                max_age_minutes,
            } => {
                let limit = count(*max_age_minutes, "minute", "minutes");
                self.fact(format_args!("age: {age_minutes} of {limit}"));
            }
            other => self.text(&format!("{other:?}")),
        }
    }

    fn optional(&mut self, text: Option<&str>) {
        if let Some(text) = text {
            self.text(text);
        }
    }

    /// A fact in words of our own.
    fn fact(&mut self, fact: impl Display) {
        self.separate();
        // Writing to memory cannot fail.
        let _ = write!(self.out, "{fact}");
    }

    /// A text of the event; nothing where it is empty.
    fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.separate();
            write_text(text.chars(), self.style.max_text_chars, self.out);
        }
    }

    /// A text of the event, and what it is, which may be the event's word too. Just one of them where the other is empty.
    pub(super) fn labelled(&mut self, label: &str, text: &str) {
        self.text(label);
        if label.is_empty() {
            self.text(text);
        } else if !text.is_empty() {
            self.out.extend_from_slice(b": ");
            write_text(text.chars(), self.style.max_text_chars, self.out);
        }
    }

    /// JSON of the event.
    pub(super) fn json(&mut self, json: &[u8]) {
        self.separate();
        let json = String::from_utf8_lossy(json);
        write_text(compact(&json), self.style.max_text_chars, self.out);
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

fn milliseconds(milliseconds: u64) -> String {
    span(Duration::from_millis(milliseconds))
}

/// `0s`, `650ms`, `8.65s`, `4m 1s`, `30m`, `2h 5m`: what is less than a millisecond, and from a minute on less than a
/// second, is left out.
fn span(duration: Duration) -> String {
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

use driver_events_types::EventKind;

use super::fields::{find, is_maskable, parse};
use crate::setup_error::SetupError;

/// Text in place of a masked value.
pub const REDACTED: &str = "[redacted]";

/// The fields that [`Redact`](crate::Redact) hides, by kind of event and path.
///
/// A path names fields from the event's top level, with dots: `decision.input`, `goal.acceptance.command`,
/// `goal.metadata.customer`. Arrays are passed through. A path holds for everything below it; of several that match, the
/// longest counts, and of equal ones the last.
///
/// ```
/// use driver_events_core::Redaction;
/// use driver_events_types::EventKind;
///
/// // Texts are masked, but for the reasons of an escalation, which an operator must read.
/// let redaction = Redaction::metadata_only()
///     .keep(Some(EventKind::Escalate), "reason")?
///     .remove(None, "goal.metadata")?;
/// # let _ = redaction;
/// # Ok::<(), driver_events_core::SetupError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    /// For a value without a rule.
    default: Action,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// Kind of the events; `None` for all.
    kind: Option<EventKind>,
    path: Vec<String>,
    action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Keep,
    Mask,
    Remove,
}

impl Redaction {
    /// Hides nothing. Received bytes pass unchanged while no rule is added.
    #[must_use]
    pub fn none() -> Self {
        Self {
            default: Action::Keep,
            rules: Vec::new(),
        }
    }

    /// Masks every text, all free JSON and all fields that this version does not know. Kinds, ids, numbers, times,
    /// durations, outcomes and the names of tools (`tool`) are kept, and so are keys: of `metadata`, `harness_extras`, and
    /// fields that this version does not know.
    #[must_use]
    pub fn metadata_only() -> Self {
        let tool = |path: &[&str]| Rule {
            kind: None,
            path: path.iter().map(|name| (*name).to_owned()).collect(),
            action: Action::Keep,
        };
        Self {
            default: Action::Mask,
            rules: vec![
                tool(&["decision", "tool"]),
                tool(&["result", "decisions_recorded", "tool"]),
            ],
        }
    }

    /// Masks the texts and the free JSON at a path, in events of one kind or of all kinds: a text and a value of free JSON
    /// becomes [`REDACTED`], in an object of free keys each value does.
    ///
    /// # Errors
    /// [`Invalid`](crate::SetupErrorKind::Invalid): no event has the field, or it contains neither text nor free JSON.
    pub fn mask(self, kind: Option<EventKind>, path: &str) -> Result<Self, SetupError> {
        self.with_rule(kind, path, Action::Mask)
    }

    /// Removes the field at a path, in events of one kind or of all kinds. Readers see that it is absent, not that it was
    /// removed. It is removed whole: a rule for a longer path keeps nothing of it.
    ///
    /// # Errors
    /// [`Invalid`](crate::SetupErrorKind::Invalid): no event has the field, or an event without it is invalid.
    pub fn remove(self, kind: Option<EventKind>, path: &str) -> Result<Self, SetupError> {
        self.with_rule(kind, path, Action::Remove)
    }

    /// Keeps the field at a path, in events of one kind or of all kinds: an exception from a preset or a shorter path.
    ///
    /// # Errors
    /// [`Invalid`](crate::SetupErrorKind::Invalid): no event has the field.
    pub fn keep(self, kind: Option<EventKind>, path: &str) -> Result<Self, SetupError> {
        self.with_rule(kind, path, Action::Keep)
    }

    fn with_rule(mut self, kind: Option<EventKind>, path: &str, action: Action) -> Result<Self, SetupError> {
        let steps = parse(path)?;
        let kinds: Vec<_> = kind.map_or_else(|| EventKind::ALL.to_vec(), |kind| vec![kind]);
        let found: Vec<_> = kinds.iter().flat_map(|kind| find(*kind, &steps)).collect();
        let invalid = |reason: &str| Err(SetupError::invalid(format!("cannot redact `{path}`: {reason}")));
        if found.is_empty() {
            return match kind {
                Some(kind) => invalid(&format!("events of the kind `{kind}` have no such field")),
                None => invalid("no event has such a field"),
            };
        }
        if action == Action::Mask && !found.iter().any(|found| found.shape.is_none_or(is_maskable)) {
            return invalid("it contains neither text nor free JSON");
        }
        if action == Action::Remove && !found.iter().all(|found| found.is_optional) {
            return invalid("it is required, and can only be masked");
        }
        self.rules.push(Rule {
            kind,
            path: steps,
            action,
        });
        Ok(self)
    }

    /// Returns whether nothing is hidden.
    pub(super) fn is_none(&self) -> bool {
        *self == Self::none()
    }

    /// Returns what happens to the value at a path.
    pub(super) fn action(&self, kind: Option<EventKind>, path: &[&str]) -> Action {
        self.rule(kind, path).unwrap_or(self.default)
    }

    /// Returns what a rule says of the value at a path; `None` without a rule.
    pub(super) fn rule(&self, kind: Option<EventKind>, path: &[&str]) -> Option<Action> {
        let matching = self.rules(kind).filter(|rule| starts_with(path, &rule.path));
        // Of equal lengths, the last counts.
        let longest = matching.max_by_key(|rule| rule.path.len());
        longest.map(|rule| rule.action)
    }

    /// Returns whether there are rules for what is below a path.
    pub(super) fn has_rules_below(&self, kind: Option<EventKind>, path: &[&str]) -> bool {
        self.rules(kind).any(|rule| {
            let above = rule.path.get(..path.len());
            rule.path.len() > path.len() && above.is_some_and(|above| starts_with(path, above))
        })
    }

    fn rules(&self, kind: Option<EventKind>) -> impl Iterator<Item = &Rule> {
        let applies = move |rule: &&Rule| rule.kind.is_none() || rule.kind == kind;
        self.rules.iter().filter(applies)
    }
}

fn starts_with(path: &[&str], start: &[String]) -> bool {
    start.len() <= path.len() && start.iter().zip(path).all(|(name, step)| name == step)
}

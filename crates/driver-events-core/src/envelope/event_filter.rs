use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use driver_events_types::{EventKind, GoalId};

use super::Envelope;

/// Selects events by kind, by goal and by predicate.
///
/// An event is selected if its kind is in the list of kinds, its goal is in the list of goals, and every predicate
/// returns `true`. A list that was never set selects everything; an empty one, such as from a configuration, nothing.
///
/// Sinks apply a filter with [`Filter`](crate::Filter), readers with [`selects`](Self::selects).
///
/// ```
/// use driver_events_core::{Envelope, EventFilter};
/// use driver_events_types::{DriverEvent, EventKind, GoalId};
///
/// let goal_id = GoalId::new();
/// let filter = EventFilter::everything().kinds([EventKind::Escalate]).goals([goal_id]);
/// assert!(filter.selects(&Envelope::new(DriverEvent::Escalate { goal_id, reason: "stuck".into() })));
/// ```
#[derive(Clone, Default)]
pub struct EventFilter {
    /// Kinds as text, because a filter may select a kind that only a newer version knows.
    kinds: Option<BTreeSet<String>>,
    goals: Option<BTreeSet<GoalId>>,
    predicates: Vec<Predicate>,
}

type Predicate = Arc<dyn Fn(&Envelope) -> bool + Send + Sync>;

impl EventFilter {
    /// Creates a filter that selects every event.
    #[must_use]
    pub fn everything() -> Self {
        Self::default()
    }

    /// Adds kinds to select. Without any kind, the filter selects nothing.
    #[must_use]
    pub fn kinds(self, kinds: impl IntoIterator<Item = EventKind>) -> Self {
        self.kinds_named(kinds.into_iter().map(EventKind::as_str))
    }

    /// Adds kinds to select by the text of `"kind"`, which may be unknown to this version. Without any kind, the filter
    /// selects nothing.
    #[must_use]
    pub fn kinds_named(mut self, kinds: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let selected = self.kinds.get_or_insert_default();
        selected.extend(kinds.into_iter().map(Into::into));
        self
    }

    /// Adds goals to select. A filter with goals does not select events without a goal. Without any goal, the filter
    /// selects nothing.
    #[must_use]
    pub fn goals(mut self, goals: impl IntoIterator<Item = GoalId>) -> Self {
        self.goals.get_or_insert_default().extend(goals);
        self
    }

    /// Adds a predicate. It runs in the sending task, after the lists matched, so it must be fast and not block.
    #[must_use]
    pub fn matching(mut self, predicate: impl Fn(&Envelope) -> bool + Send + Sync + 'static) -> Self {
        self.predicates.push(Arc::new(predicate));
        self
    }

    /// Returns whether the filter selects the event.
    #[must_use]
    pub fn selects(&self, envelope: &Envelope) -> bool {
        let has_kind = |kinds: &BTreeSet<String>| kinds.contains(envelope.kind());
        let has_goal = |goals: &BTreeSet<GoalId>| envelope.goal_id().is_some_and(|goal_id| goals.contains(&goal_id));
        self.kinds.as_ref().is_none_or(has_kind)
            && self.goals.as_ref().is_none_or(has_goal)
            && self.predicates.iter().all(|predicate| predicate(envelope))
    }

    /// Returns the kinds to select, as the text of `"kind"`, or `None` if the filter does not select by kind. Sources pass
    /// these to brokers that can filter by kind.
    #[must_use]
    pub fn selected_kinds(&self) -> Option<impl Iterator<Item = &str>> {
        self.kinds.as_ref().map(|kinds| kinds.iter().map(String::as_str))
    }

    /// Returns whether the filter has neither lists nor predicates, and therefore selects every event.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.kinds.is_none() && self.goals.is_none() && self.predicates.is_empty()
    }
}

impl fmt::Debug for EventFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventFilter")
            .field("kinds", &self.kinds)
            .field("goals", &self.goals)
            .field("predicates", &self.predicates.len())
            .finish()
    }
}

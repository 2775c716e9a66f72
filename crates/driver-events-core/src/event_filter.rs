use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use driver_events_types::{EventKind, GoalId};

use crate::Envelope;

/// Selects events: by kind, by goal, by anything.
///
/// An event is selected when every condition holds. Of a list, one entry must fit; a list that was never given, or
/// given empty, is no condition.
///
/// The same filter serves the sink's side ([`Filter`](crate::Filter)) and the reader's ([`selects`](Self::selects)).
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
    /// By text: a filter may ask for a kind that only a newer version knows.
    kinds: BTreeSet<String>,
    goals: BTreeSet<GoalId>,
    predicates: Vec<Predicate>,
}

type Predicate = Arc<dyn Fn(&Envelope) -> bool + Send + Sync>;

impl EventFilter {
    /// The filter without conditions.
    #[must_use]
    pub fn everything() -> Self {
        Self::default()
    }

    /// Adds kinds to the list of those that are selected.
    #[must_use]
    pub fn kinds(self, kinds: impl IntoIterator<Item = EventKind>) -> Self {
        self.kinds_named(kinds.into_iter().map(EventKind::as_str))
    }

    /// [`kinds`](Self::kinds) by the text of `"kind"`, for those too that this version does not know.
    #[must_use]
    pub fn kinds_named(mut self, kinds: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.kinds.extend(kinds.into_iter().map(Into::into));
        self
    }

    /// Adds goals to the list of those that are selected. An event that does not tell its goal is about none of them.
    #[must_use]
    pub fn goals(mut self, goals: impl IntoIterator<Item = GoalId>) -> Self {
        self.goals.extend(goals);
        self
    }

    /// Adds a condition. It is called in the task that sends, once the lists fit: it should be quick, and not block.
    #[must_use]
    pub fn matching(mut self, predicate: impl Fn(&Envelope) -> bool + Send + Sync + 'static) -> Self {
        self.predicates.push(Arc::new(predicate));
        self
    }

    /// Whether every condition holds.
    #[must_use]
    pub fn selects(&self, envelope: &Envelope) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(envelope.kind()))
            && (self.goals.is_empty() || envelope.goal_id().is_some_and(|goal_id| self.goals.contains(&goal_id)))
            && self.predicates.iter().all(|predicate| predicate(envelope))
    }

    /// The kinds that are selected, by the text of `"kind"`; none where that is no condition. A source whose broker can
    /// select by kind asks it for these.
    pub fn selected_kinds(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().map(String::as_str)
    }

    /// Whether the filter has no condition, and so selects everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.kinds.is_empty() && self.goals.is_empty() && self.predicates.is_empty()
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

use std::collections::HashMap;

use driver_events_types::GoalId;

use super::DriverEventSink;
use super::receipt::Receipt;
use super::sink_error::{Fate, SinkError, SinkErrorKind};
use crate::envelope::Envelope;

/// The goals of a batch whose later events must not overtake a failed one: implements
/// [`BatchOrder::StopsGoal`](crate::BatchOrder::StopsGoal).
///
/// ```
/// use driver_events_core::{Envelope, FailedGoals, Receipt, SinkError, SinkErrorKind};
///
/// /// Sends each envelope with `send`.
/// fn send_batch(
///     envelopes: Vec<Envelope>,
///     mut send: impl FnMut(Envelope) -> Result<Receipt, SinkError>,
/// ) -> Vec<Result<Receipt, SinkError>> {
///     let mut failed = FailedGoals::default();
///     let mut results = Vec::with_capacity(envelopes.len());
///     for envelope in envelopes {
///         let goal_id = envelope.goal_id();
///         let result = failed.check(goal_id).and_then(|()| send(envelope));
///         failed.record(goal_id, &result);
///         results.push(result);
///     }
///     results
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct FailedGoals(HashMap<GoalId, SinkErrorKind>);

impl FailedGoals {
    /// Checks whether an event of this goal may be sent. Events without a goal have no order and always may.
    ///
    /// # Errors
    /// An earlier event of the goal failed: the error has its kind and the fate [`NotSent`](Fate::NotSent).
    pub fn check(&self, goal_id: Option<GoalId>) -> Result<(), SinkError> {
        match goal_id.and_then(|goal_id| self.0.get(&goal_id)) {
            None => Ok(()),
            Some(kind) => {
                let message = "not sent: an earlier event of the goal failed";
                Err(SinkError::new(*kind, message).with_fate(Fate::NotSent))
            }
        }
    }

    /// Records the result of an event of this goal.
    pub fn record(&mut self, goal_id: Option<GoalId>, result: &Result<Receipt, SinkError>) {
        if let (Some(goal_id), Err(error)) = (goal_id, result)
            && !error.is_about_event()
        {
            self.0.entry(goal_id).or_insert(error.kind());
        }
    }

    /// Implements [`send_batch`](DriverEventSink::send_batch) with [`send`](DriverEventSink::send).
    pub(crate) async fn send_one_by_one<S: DriverEventSink + ?Sized>(
        sink: &S,
        envelopes: Vec<Envelope>,
    ) -> Vec<Result<Receipt, SinkError>> {
        let mut failed = Self::default();
        let mut results = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            let goal_id = envelope.goal_id();
            let result = match failed.check(goal_id) {
                Ok(()) => sink.send(envelope).await,
                Err(error) => Err(error),
            };
            failed.record(goal_id, &result);
            results.push(result);
        }
        results
    }
}

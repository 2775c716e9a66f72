use std::collections::HashMap;

use driver_events_types::GoalId;

use super::receipt::Receipt;
use super::sink_error::{Fate, SinkError, SinkErrorKind};
use crate::envelope::Envelope;

/// The goals of a batch whose later events must not overtake a failed one: implements
/// [`BatchOrder::StopsGoal`](crate::BatchOrder::StopsGoal).
///
/// [`send_each`](Self::send_each) sends a batch event by event, as the default
/// [`send_batch`](crate::DriverEventSink::send_batch) does. A sink with a loop of its own calls [`check`](Self::check) before
/// each event, and [`record`](Self::record) after it.
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

    /// Sends the envelopes one after another with `send`, and returns one result for each.
    pub async fn send_each<Sending>(
        envelopes: Vec<Envelope>,
        send: impl Fn(Envelope) -> Sending,
    ) -> Vec<Result<Receipt, SinkError>>
    where
        Sending: Future<Output = Result<Receipt, SinkError>>,
    {
        let mut failed = Self::default();
        let mut results = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            let goal_id = envelope.goal_id();
            let result = match failed.check(goal_id) {
                Ok(()) => send(envelope).await,
                Err(error) => Err(error),
            };
            failed.record(goal_id, &result);
            results.push(result);
        }
        results
    }
}

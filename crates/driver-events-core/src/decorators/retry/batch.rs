use super::backoff::Failures;
use super::fates::Fates;
use super::pending::{Item, Pending};
use crate::envelope::Envelope;
use crate::sink::batch_results::BatchResults;
use crate::sink::failed_goals::FailedGoals;
use crate::sink::receipt::Receipt;
use crate::sink::sink_error::SinkError;

/// A call of `send_batch`: what is pending, and the results of what is not.
pub(super) struct Batch {
    pub(super) pending: Pending,
    pub(super) results: BatchResults,
    fates: Fates,
    stopped: FailedGoals,
}

impl Batch {
    pub(super) fn new(envelopes: Vec<Envelope>) -> Self {
        Self {
            results: BatchResults::new(envelopes.len()),
            pending: Pending::new(envelopes),
            fates: Fates::default(),
            stopped: FailedGoals::default(),
        }
    }

    /// Records the results of one attempt. Returns the events to retry, with their errors.
    pub(super) fn settle(
        &mut self,
        items: Vec<Item>,
        results: Vec<Result<Receipt, SinkError>>,
    ) -> Vec<(Item, SinkError)> {
        let mut failed = Vec::new();
        for (item, result) in items.into_iter().zip(results) {
            match result {
                Err(error) if error.is_retryable() => {
                    self.fates.record(item.0, &error);
                    failed.push((item, error));
                }
                result => self.finish(item, result),
            }
        }
        failed
    }

    pub(super) fn retry(&mut self, failed: Vec<(Item, SinkError)>) {
        for (item, _) in failed.into_iter().rev() {
            self.pending.put_back(item);
        }
    }

    pub(super) fn give_up(&mut self, failed: Vec<(Item, SinkError)>, failures: &Failures) {
        for (item, error) in failed {
            self.finish(item, Err(failures.given_up(error)));
        }
    }

    fn finish(&mut self, (index, envelope): Item, result: Result<Receipt, SinkError>) {
        let goal_id = envelope.goal_id();
        let result = result.map_err(|error| self.fates.apply(index, error));
        self.stopped.record(goal_id, &result);
        self.results.set(index, result);
        // Later events of a goal must not overtake one that failed for good.
        if let Err(error) = self.stopped.check(goal_id) {
            let kind = error.kind();
            for (index, _) in self.pending.remove(goal_id) {
                let error = SinkError::new(kind, error.to_string()).with_fate(error.fate());
                self.results.set(index, Err(self.fates.apply(index, error)));
            }
        }
    }
}

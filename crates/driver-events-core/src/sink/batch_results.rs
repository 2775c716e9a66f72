use super::receipt::Receipt;
use super::sink_error::{SinkError, SinkErrorKind};

/// Collects the results of [`send_batch`](crate::DriverEventSink::send_batch), in any order, and returns them in the
/// order of the events.
///
/// An event whose result was never set fails with [`Fatal`](SinkErrorKind::Fatal): a bug in a sink must neither panic its
/// caller nor pass for success.
///
/// ```
/// use driver_events_core::{BatchResults, Receipt, SinkErrorKind};
///
/// let mut results = BatchResults::new(3);
/// results.set(1, Ok(Receipt::Discarded));
/// results.fill([Ok(Receipt::Buffered)]);
/// let results = results.into_vec();
/// assert_eq!(results[0].as_ref().unwrap(), &Receipt::Buffered);
/// assert_eq!(results[1].as_ref().unwrap(), &Receipt::Discarded);
/// assert_eq!(results[2].as_ref().unwrap_err().kind(), SinkErrorKind::Fatal);
/// ```
#[derive(Debug)]
pub struct BatchResults(Vec<Option<Result<Receipt, SinkError>>>);

impl BatchResults {
    /// Creates the results of `count` events, none of which is set.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self(std::iter::repeat_with(|| None).take(count).collect())
    }

    /// Sets the result of the event at `index`. Has no effect if there is no such event.
    pub fn set(&mut self, index: usize, result: Result<Receipt, SinkError>) {
        if let Some(slot) = self.0.get_mut(index) {
            *slot = Some(result);
        }
    }

    /// Sets the results of the events that have none, in order. Ignores surplus results. If there are too few, the last
    /// events stay unset.
    pub fn fill(&mut self, results: impl IntoIterator<Item = Result<Receipt, SinkError>>) {
        let unset = self.0.iter_mut().filter(|slot| slot.is_none());
        for (slot, result) in unset.zip(results) {
            *slot = Some(result);
        }
    }

    /// Returns one result for each event.
    #[must_use]
    pub fn into_vec(self) -> Vec<Result<Receipt, SinkError>> {
        let missing = || {
            Err(SinkError::new(
                SinkErrorKind::Fatal,
                "sink returned no result for the event",
            ))
        };
        self.0
            .into_iter()
            .map(|result| result.unwrap_or_else(missing))
            .collect()
    }
}

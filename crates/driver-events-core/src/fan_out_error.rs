use std::error::Error;
use std::fmt;

use crate::{Fate, Receipt, SinkError};

/// What each sink of a [`FanOut`](crate::FanOut) answered, where at least one failed: the source of the fan-out's
/// error. `T` is [`Receipt`] for an event, and `()` for `flush` and `close`.
///
/// ```
/// use std::error::Error;
/// use driver_events_core::{FanOutError, SinkError};
///
/// fn failed(error: &SinkError) -> Vec<usize> {
///     let Some(fan_out) = error.source().and_then(|source| source.downcast_ref::<FanOutError>()) else {
///         return Vec::new();
///     };
///     let results = fan_out.results().iter().enumerate();
///     results.filter(|(_, result)| result.is_err()).map(|(place, _)| place).collect()
/// }
/// ```
#[derive(Debug)]
pub struct FanOutError<T = Receipt> {
    results: Vec<Result<T, SinkError>>,
}

impl<T> FanOutError<T> {
    /// Each sink's result, in the order of [`FanOut::sinks`](crate::FanOut::sinks).
    pub fn results(&self) -> &[Result<T, SinkError>] {
        &self.results
    }

    fn failures(&self) -> impl Iterator<Item = (usize, &SinkError)> {
        let results = self.results.iter().enumerate();
        results.filter_map(|(place, result)| result.as_ref().err().map(|error| (place, error)))
    }
}

/// `sink 0: WHY; sink 2: WHY`, by the places in [`results`](FanOutError::results).
impl<T> fmt::Display for FanOutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (place, error)) in self.failures().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            write!(f, "{separator}sink {place}: {error}")?;
        }
        Ok(())
    }
}

impl<T: fmt::Debug> Error for FanOutError<T> {}

/// All answers when every sink gave one, else one error for them all. `took` says whether an answer means that the
/// sink took an event.
pub(crate) fn all_ok<T>(results: Vec<Result<T, SinkError>>, took: impl Fn(&T) -> bool) -> Result<Vec<T>, SinkError>
where
    T: fmt::Debug + Send + Sync + 'static,
{
    let failures = || results.iter().filter_map(|result| result.as_ref().err());
    let Some(first) = failures().next() else {
        return Ok(results.into_iter().flatten().collect());
    };
    let kind = failures()
        .find(|failure| !failure.is_retryable())
        .unwrap_or(first)
        .kind();
    let was_certainly_not_sent = results.iter().all(|result| match result {
        Ok(answer) => !took(answer),
        Err(failure) => failure.fate() == Fate::NotSent,
    });
    let fate = if was_certainly_not_sent {
        Fate::NotSent
    } else {
        Fate::Unknown
    };
    let message = format!("{} of {} sinks failed", failures().count(), results.len());
    Err(SinkError::new(kind, message)
        .with_fate(fate)
        .with_source(FanOutError { results }))
}

use std::error::Error;
use std::fmt;

use crate::sink::receipt::Receipt;
use crate::sink::sink_error::{Fate, SinkError};

/// Results of all sinks of a [`FanOut`](crate::FanOut) of which at least one failed. It is the source of the
/// [`SinkError`]. `T` is [`Receipt`] for `send` and `send_batch`, and `()` for `flush` and `close`.
///
/// ```
/// use std::error::Error;
/// use driver_events_core::{FanOutError, SinkError};
///
/// fn failed_sinks(error: &SinkError) -> Vec<usize> {
///     let Some(fan_out) = error.source().and_then(|source| source.downcast_ref::<FanOutError>()) else {
///         return Vec::new();
///     };
///     let results = fan_out.results().iter().enumerate();
///     results.filter(|(_, result)| result.is_err()).map(|(index, _)| index).collect()
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{} of {} sinks failed", self.failures().count(), self.results.len())]
pub struct FanOutError<T = Receipt> {
    results: Vec<Result<T, SinkError>>,
}

impl<T> FanOutError<T> {
    /// Returns the result of each sink, in the order of [`FanOut::sinks`](crate::FanOut::sinks).
    pub fn results(&self) -> &[Result<T, SinkError>] {
        &self.results
    }

    fn failures(&self) -> impl Iterator<Item = &SinkError> {
        self.results.iter().filter_map(|result| result.as_ref().err())
    }
}

/// Returns all values if every sink succeeded, else one combined error. `is_accepted` returns whether a value means that
/// the sink accepted the event.
pub(crate) fn all_ok<T>(
    names: &[String],
    results: Vec<Result<T, SinkError>>,
    is_accepted: impl Fn(&T) -> bool,
) -> Result<Vec<T>, SinkError>
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
    let is_not_sent = results.iter().all(|result| match result {
        Ok(value) => !is_accepted(value),
        Err(failure) => failure.fate() == Fate::NotSent,
    });
    let fate = if is_not_sent { Fate::NotSent } else { Fate::Unknown };
    let named = names.iter().zip(&results);
    let failed = named.filter_map(|(name, result)| Some(format!("{name}: {}", with_source(result.as_ref().err()?))));
    let message = failed.collect::<Vec<_>>().join("; ");
    Err(SinkError::new(kind, message)
        .with_fate(fate)
        .with_source(FanOutError { results }))
}

/// Returns the message of an error and those of its causes.
fn with_source(error: &SinkError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

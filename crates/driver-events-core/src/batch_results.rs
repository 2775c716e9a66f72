use crate::{Receipt, SinkError, SinkErrorKind};

/// Returns the results of a batch, followed by errors without end. A sink that violates the contract by returning too
/// few results must not panic its caller. `reason` explains the missing results if the cause is known.
pub(crate) fn pad_batch_results(
    results: Vec<Result<Receipt, SinkError>>,
    reason: Option<&str>,
) -> impl Iterator<Item = Result<Receipt, SinkError>> {
    let reason = reason.unwrap_or("sink returned fewer results than the batch has events");
    let missing = move || Err(SinkError::new(SinkErrorKind::Fatal, reason));
    results.into_iter().chain(std::iter::repeat_with(missing))
}

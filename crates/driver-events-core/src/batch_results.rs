use crate::{Receipt, SinkError, SinkErrorKind};

/// What a sink answered for a batch, without an end: a sink that breaks its contract and answers with too few results
/// must not bring down who asked it. `why` says why results are missing, where that is known.
pub(crate) fn pad_batch_results(
    results: Vec<Result<Receipt, SinkError>>,
    why: Option<&str>,
) -> impl Iterator<Item = Result<Receipt, SinkError>> {
    let why = why.unwrap_or("the sink answered a batch with fewer results than it was sent envelopes");
    let missing = move || Err(SinkError::new(SinkErrorKind::Fatal, why));
    results.into_iter().chain(std::iter::repeat_with(missing))
}

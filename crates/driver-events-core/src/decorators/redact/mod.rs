mod fields;
mod json_edits;
mod walk;

pub(crate) mod redaction;

use std::fmt;

use async_trait::async_trait;
use driver_events_types::{Decoded, DriverEvent, replace_lone_surrogates};

use self::redaction::Redaction;
use self::walk::Walk;
use super::forward::{forward_to_inner, inner_access};
use crate::envelope::Envelope;
use crate::sink::DriverEventSink;
use crate::sink::batch_results::BatchResults;
use crate::sink::receipt::Receipt;
use crate::sink::sink_error::{SinkError, SinkErrorKind};

/// Decorator that hides fields before an event leaves the process, as a [`Redaction`] says.
///
/// The event keeps its id, time, source, stamp and trace context. A known event is encoded again: received bytes are not passed
/// on, and neither are fields that this version does not know. An [unknown](Decoded::Unknown) event keeps every byte that is
/// not hidden: the rules of its kind apply if that is known, else those for all kinds, and
/// [`metadata_only`](Redaction::metadata_only) masks every text. What is masked reads [`REDACTED`](crate::REDACTED).
///
/// Place it outside everything that sends or keeps events, and inside [`Stamped`](crate::Stamped): a retry of the same
/// envelope then has the same number.
///
/// # Errors
/// An event that cannot be encoded fails with [`Encode`](SinkErrorKind::Encode), as in any sink. An unknown event that is
/// not an object fails with [`Rejected`](SinkErrorKind::Rejected). Neither reaches the inner sink.
///
/// # Examples
/// ```
/// use driver_events_core::{DriverEventSink, DriverEventSinkExt, MemoryEventSink, Redaction};
/// use driver_events_types::{DriverEvent, GoalId};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let memory = MemoryEventSink::new();
/// let sink = memory.clone().redacted(Redaction::none().mask(None, "reason")?);
/// sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "the key abc123 is refused".into() }).await?;
/// let mut json = Vec::new();
/// memory.envelopes()[0].write_json(&mut json)?;
/// assert!(json.ends_with(br#""reason":"[redacted]"}"#));
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
pub struct Redact<S> {
    inner: S,
    redaction: Redaction,
}

impl<S> Redact<S> {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: S, redaction: Redaction) -> Self {
        Self { inner, redaction }
    }

    fn redact(&self, envelope: Envelope) -> Result<Envelope, SinkError> {
        if self.redaction.is_none() {
            return Ok(envelope);
        }
        let content = match envelope.decoded() {
            Decoded::Known(event) => {
                // A depth or size above the limits would be an error of the inner sink, too.
                envelope.json()?;
                Decoded::Known(self.redact_known(event)?)
            }
            Decoded::Unknown { kind, path, raw } => Decoded::Unknown {
                kind: kind.clone(),
                path: path.clone(),
                raw: self.redact_unknown(envelope.decoded(), raw)?,
            },
        };
        Ok(envelope.with_content(content))
    }

    fn redact_known(&self, event: &DriverEvent) -> Result<DriverEvent, SinkError> {
        let json = serde_json::to_vec(event).map_err(|error| not_redacted("cannot be encoded", error))?;
        let edits = Walk::event(&self.redaction, Some(event.kind()), &json);
        let edited = edits
            .map_err(|error| not_redacted("is not an object", error))?
            .apply(&json);
        serde_json::from_slice(&edited).map_err(|error| not_redacted("is invalid without its fields", error))
    }

    fn redact_unknown(&self, decoded: &Decoded, raw: &[u8]) -> Result<Vec<u8>, SinkError> {
        let replaced = replace_lone_surrogates(raw);
        let json = replaced.as_deref().unwrap_or(raw);
        let edits = Walk::event(&self.redaction, decoded.known_kind(), json);
        Ok(edits
            .map_err(|error| not_redacted("is not an object", error))?
            .apply(raw))
    }
}

fn not_redacted(reason: &str, error: serde_json::Error) -> SinkError {
    let message = format!("cannot redact the event: it {reason}");
    SinkError::new(SinkErrorKind::Rejected, message).with_source(error)
}

inner_access!(Redact);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: DriverEventSink> DriverEventSink for Redact<S> {
    forward_to_inner!(guarantee, batch_order, name, flush, close, publish);

    async fn send(&self, envelope: Envelope) -> Result<Receipt, SinkError> {
        self.inner.send(self.redact(envelope)?).await
    }

    async fn send_batch(&self, envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>> {
        let mut results = BatchResults::new(envelopes.len());
        let mut redacted = Vec::with_capacity(envelopes.len());
        for (index, envelope) in envelopes.into_iter().enumerate() {
            match self.redact(envelope) {
                Ok(envelope) => redacted.push(envelope),
                Err(error) => results.set(index, Err(error)),
            }
        }
        if !redacted.is_empty() {
            results.fill(self.inner.send_batch(redacted).await);
        }
        results.into_vec()
    }
}

/// Formats as `Redact(INNER)`.
impl<S: fmt::Debug> fmt::Debug for Redact<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Redact").field(&self.inner).finish()
    }
}

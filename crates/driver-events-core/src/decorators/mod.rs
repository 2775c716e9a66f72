pub(crate) mod best_effort;
#[cfg(feature = "runtime")]
pub(crate) mod buffered;
pub(crate) mod failing;
pub(crate) mod fan_out;
pub(crate) mod fan_out_error;
pub(crate) mod filter;
pub(crate) mod observed;
pub(crate) mod redact;
#[cfg(feature = "runtime")]
pub(crate) mod retry;
pub(crate) mod stamped;
#[cfg(feature = "runtime")]
pub(crate) mod timeout;
pub(crate) mod trace_context;

mod failure_log;
mod forward;
mod telemetry;

use std::sync::Arc;
#[cfg(feature = "runtime")]
use std::time::Duration;

use self::best_effort::BestEffort;
use self::fan_out::FanOut;
use self::filter::Filter;
use self::observed::Observed;
use self::redact::{Redact, redaction::Redaction};
#[cfg(feature = "runtime")]
use self::retry::{Retry, backoff::Backoff};
use self::stamped::Stamped;
#[cfg(feature = "runtime")]
use self::timeout::Timeout;
use crate::envelope::attribute_checks::InvalidAttribute;
use crate::envelope::event_filter::EventFilter;
use crate::setup_error::{SetupError, SetupErrorKind};
use crate::sink::DriverEventSink;
use crate::sink::receipt::Guarantee;

/// Decorators as methods on every sink. The decorator added last is the outermost: it sees an event first.
///
/// ```
/// use driver_events_core::{DriverEventSinkExt, EventFilter, MemoryEventSink};
/// use driver_events_types::EventKind;
///
/// let everything = MemoryEventSink::new();
/// let completed = MemoryEventSink::new().filtered(EventFilter::everything().kinds([EventKind::GoalCompleted]));
/// let sink = everything.fan_out_with(completed).stamped("urn:example:night-shift")?;
/// # Ok::<(), driver_events_core::InvalidAttribute>(())
/// ```
pub trait DriverEventSinkExt: DriverEventSink + Sized {
    /// Wraps the sink in [`Stamped`].
    ///
    /// # Errors
    /// Same as [`Stamped::new`].
    fn stamped(self, source: impl Into<Arc<str>>) -> Result<Stamped<Self>, InvalidAttribute> {
        Stamped::new(self, source)
    }

    /// Wraps the sink in a [`Filter`].
    fn filtered(self, filter: EventFilter) -> Filter<Self> {
        Filter::new(self, filter)
    }

    /// Combines the sink and `other` in a [`FanOut`].
    fn fan_out_with(self, other: impl DriverEventSink) -> FanOut {
        FanOut::new(vec![Arc::new(self), Arc::new(other)])
    }

    /// Wraps the sink in [`Redact`].
    fn redacted(self, redaction: Redaction) -> Redact<Self> {
        Redact::new(self, redaction)
    }

    /// Wraps the sink in [`Observed`].
    fn observed(self) -> Observed<Self> {
        Observed::new(self)
    }

    /// Wraps the sink in [`BestEffort`].
    fn best_effort(self) -> BestEffort<Self> {
        BestEffort::new(self)
    }

    /// Wraps the sink in [`Retry`].
    #[cfg(feature = "runtime")]
    fn retried(self, backoff: Backoff) -> Retry<Self> {
        Retry::new(self, backoff)
    }

    /// Wraps the sink in [`Timeout`].
    #[cfg(feature = "runtime")]
    fn with_timeout(self, limit: Duration) -> Timeout<Self> {
        Timeout::new(self, limit)
    }

    /// Returns the sink if `Ok` of its `send` promises at least this guarantee. For programs whose sinks are configured: a
    /// weaker pipeline is an error at the start, not a loss later.
    ///
    /// # Errors
    /// [`Incompatible`](SetupErrorKind::Incompatible): the guarantee is weaker. The message names both.
    ///
    /// ```
    /// use driver_events_core::{DriverEventSinkExt, Guarantee, MemoryEventSink};
    ///
    /// assert!(MemoryEventSink::new().require(Guarantee::Buffered).is_ok());
    /// let error = MemoryEventSink::new().require(Guarantee::Stored).unwrap_err();
    /// assert_eq!(error.to_string(), "MemoryEventSink guarantees `buffered`, and `stored` is required");
    /// ```
    fn require(self, at_least: Guarantee) -> Result<Self, SetupError> {
        let guarantee = self.guarantee();
        if guarantee >= at_least {
            return Ok(self);
        }
        let message = format!("{} guarantees `{guarantee}`, and `{at_least}` is required", self.name());
        Err(SetupError::new(SetupErrorKind::Incompatible, message))
    }
}

impl<S: DriverEventSink> DriverEventSinkExt for S {}

use std::sync::Arc;

use crate::{DriverEventSink, EventFilter, FanOut, Filter, InvalidAttribute, Stamped};

/// Decorators as methods, for every sink. What is called last stands at the top, and sees an event first.
///
/// ```
/// use driver_events_core::{DriverEventSinkExt, EventFilter, MemoryEventSink};
/// use driver_events_types::EventKind;
///
/// let everything = MemoryEventSink::new();
/// let ends = MemoryEventSink::new().filtered(EventFilter::everything().kinds([EventKind::GoalCompleted]));
/// let sink = everything.fan_out_with(ends).stamped("urn:example:night-shift")?;
/// # Ok::<(), driver_events_core::InvalidAttribute>(())
/// ```
pub trait DriverEventSinkExt: DriverEventSink + Sized {
    /// See [`Stamped::new`].
    ///
    /// # Errors
    /// The source is no URI-reference, or empty.
    fn stamped(self, source: impl Into<Arc<str>>) -> Result<Stamped<Self>, InvalidAttribute> {
        Stamped::new(self, source)
    }

    /// See [`Filter::new`].
    fn filtered(self, filter: EventFilter) -> Filter<Self> {
        Filter::new(self, filter)
    }

    /// See [`FanOut::new`].
    fn fan_out_with(self, other: impl DriverEventSink) -> FanOut {
        FanOut::new(vec![Arc::new(self), Arc::new(other)])
    }
}

impl<S: DriverEventSink> DriverEventSinkExt for S {}

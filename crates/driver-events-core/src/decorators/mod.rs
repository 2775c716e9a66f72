pub(crate) mod failing;
pub(crate) mod fan_out;
pub(crate) mod fan_out_error;
pub(crate) mod filter;
pub(crate) mod stamped;
pub(crate) mod trace_context;

mod forward;

use std::sync::Arc;

use self::fan_out::FanOut;
use self::filter::Filter;
use self::stamped::Stamped;
use crate::envelope::attribute_checks::InvalidAttribute;
use crate::envelope::event_filter::EventFilter;
use crate::sink::DriverEventSink;

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
}

impl<S: DriverEventSink> DriverEventSinkExt for S {}

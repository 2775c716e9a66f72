use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use once_cell::sync::OnceCell;

use super::event_id::EventId;
use super::trace::Trace;

/// [Source](crate::Envelope::source) of an envelope whose source was not set.
pub const SOURCE_UNSET: &str = "urn:driver-events:unset";

/// Sequence of an event among the events of its goal and producer run.
///
/// A gap in the sequence means lost events, a new run means that the producer restarted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Name of the producer run. A new run starts each time the counters start from 1.
    pub run: Arc<str>,
    /// Number of the event in its goal and run, from 1.
    pub sequence: u64,
}

/// CloudEvents attributes of an event. Id, source, stamp and trace context can be set once through a shared reference, so that a retry
/// keeps the values of the first attempt.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes {
    id: OnceCell<EventId>,
    /// When the envelope was created, by the clock since 1970. Unlike `time`, nobody sets it: it is the time of the id.
    created: Option<Duration>,
    source: OnceCell<Arc<str>>,
    stamp: OnceCell<Stamp>,
    traceparent: OnceCell<Arc<str>>,
    tracestate: OnceCell<Arc<str>>,
    pub(crate) time: Option<DateTime<Utc>>,
    pub(crate) event_type: Option<Arc<str>>,
}

impl Attributes {
    /// Returns the attributes of an event of now.
    #[inline(always)]
    pub(crate) fn now() -> Self {
        let now = SystemTime::now();
        let created = now.duration_since(SystemTime::UNIX_EPOCH).ok();
        let time = created.and_then(|created| {
            let seconds = created.as_secs().try_into().ok()?;
            DateTime::from_timestamp(seconds, created.subsec_nanos())
        });
        Self {
            created,
            time: Some(time.unwrap_or_else(|| now.into())),
            ..Self::default()
        }
    }

    pub(crate) fn id(&self) -> &EventId {
        self.id.get_or_init(|| EventId::generate(self.created))
    }

    pub(crate) fn source(&self) -> Option<&Arc<str>> {
        self.source.get()
    }

    pub(crate) fn set_source_if_unset(&self, source: &Arc<str>) -> &str {
        self.source.get_or_init(|| Arc::clone(source))
    }

    pub(crate) fn stamp(&self) -> Option<&Stamp> {
        self.stamp.get()
    }

    pub(crate) fn set_stamp_if_unset(&self, stamp: impl FnOnce() -> Stamp) -> &Stamp {
        self.stamp.get_or_init(stamp)
    }

    pub(crate) fn traceparent(&self) -> Option<&Arc<str>> {
        self.traceparent.get()
    }

    pub(crate) fn tracestate(&self) -> Option<&Arc<str>> {
        self.tracestate.get()
    }

    pub(crate) fn set_trace_if_unset(&self, trace: Trace) {
        let is_set = self.traceparent.set(trace.traceparent).is_err();
        if let Some(tracestate) = trace.tracestate.filter(|_| !is_set) {
            self.tracestate.get_or_init(|| tracestate);
        }
    }

    pub(crate) fn set_id(&mut self, id: EventId) {
        self.id = OnceCell::with_value(id);
    }

    pub(crate) fn set_source(&mut self, source: Arc<str>) {
        self.source = OnceCell::with_value(source);
    }

    pub(crate) fn set_stamp(&mut self, stamp: Stamp) {
        self.stamp = OnceCell::with_value(stamp);
    }

    pub(crate) fn set_traceparent(&mut self, traceparent: Arc<str>) {
        self.traceparent = OnceCell::with_value(traceparent);
    }

    pub(crate) fn set_tracestate(&mut self, tracestate: Arc<str>) {
        self.tracestate = OnceCell::with_value(tracestate);
    }
}

use std::sync::Arc;

use async_trait::async_trait;

use crate::envelope::Envelope;
use crate::sink::DriverEventSink;
use crate::sink::receipt::Guarantee;

/// Creates the sink under test and reads back the events that it stored.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Handle for reading back, for example a clone of a memory sink, a path or the name of a topic.
    type Store: Send + Sync;

    /// Creates a sink with an empty store. Called at least once for each property.
    async fn start(&self) -> (Arc<dyn DriverEventSink>, Self::Store);

    /// Returns all stored events in the order of the store. Called after [`flush`](DriverEventSink::flush) or
    /// [`close`](DriverEventSink::close), and only if [`Capabilities::stores`] is set. If stored events become readable
    /// with a delay, wait for them.
    ///
    /// Read the events as a reader does: create each envelope from the stored bytes with [`Envelope::from_json`] and set
    /// the stored attributes.
    async fn stored(&self, store: &Self::Store) -> Vec<Envelope>;

    /// Creates a sink with an empty store whose second event fails for a reason that is not
    /// [about the event](crate::SinkError::is_about_event), and is not stored; it accepts all other events. Default: `None`,
    /// for a sink that cannot be made to fail so. Decorators wrap a [`FailingEventSink`](crate::FailingEventSink).
    async fn start_failing(&self) -> Option<(Arc<dyn DriverEventSink>, Self::Store)> {
        None
    }

    /// Returns the capabilities of the sink.
    fn capabilities(&self) -> Capabilities;
}

/// Capabilities of a sink: they determine what the suite expects of it.
///
/// Create them with [`new`](Self::new) and change the fields that differ from the defaults.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Capabilities {
    /// Expected result of [`DriverEventSink::guarantee`].
    pub guarantee: Guarantee,
    /// Whether sent events can be read back. Default: `true`. Set `false` for a sink that drops events on purpose.
    pub stores: bool,
    /// Whether id, time, source, stamp, trace context and type can be read back. Default: `true`.
    pub keeps_attributes: bool,
    /// Whether events that cannot be encoded are rejected. Default: `true`. Set `false` for a sink that does not encode.
    pub rejects_invalid: bool,
    /// Whether events without a [subject](Envelope::subject) are accepted. Default: `true`. If `false`, they must be
    /// [`Rejected`](crate::SinkErrorKind::Rejected).
    pub accepts_unknown_without_subject: bool,
    /// Whether events after `close` are rejected with [`Closed`](crate::SinkErrorKind::Closed). Default: `true`. Set
    /// `false` for a sink without resources.
    pub rejects_after_close: bool,
    /// Maximum size of an event's JSON in bytes, if it is below the codec's 512 KiB. Larger events must be rejected with
    /// [`TooLarge`](crate::SinkErrorKind::TooLarge). Default: `None`.
    pub max_bytes: Option<usize>,
    /// Number of events, at least 1,000, after which the sink returns [`Full`](crate::SinkErrorKind::Full). `None` for a
    /// sink that waits at capacity, or drains on its own. Default: `None`.
    pub capacity: Option<usize>,
}

impl Capabilities {
    /// Creates the default capabilities with this guarantee.
    #[must_use]
    pub fn new(guarantee: Guarantee) -> Self {
        Self {
            guarantee,
            stores: true,
            keeps_attributes: true,
            rejects_invalid: true,
            accepts_unknown_without_subject: true,
            rejects_after_close: true,
            max_bytes: None,
            capacity: None,
        }
    }
}

use std::sync::Arc;

use async_trait::async_trait;

use crate::{DriverEventSink, Envelope, Guarantee};

/// Makes the sink that is tested, and reads back what it stored.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// What is needed to read back: a clone of the memory, a path, the name of a topic.
    type Store: Send + Sync;

    /// Makes a sink whose store is empty. Each property asks for one of its own.
    async fn start(&self) -> (Arc<dyn DriverEventSink>, Self::Store);

    /// Everything that the sink of this store has stored, in the order of the store: the suite calls it after a
    /// [`flush`](DriverEventSink::flush) or a [`close`](DriverEventSink::close). Where the transport takes time to show
    /// what it has, this waits for it. Not called unless [`Capabilities::stores`].
    ///
    /// Each is read as a reader would: the JSON is what was stored, byte for byte, with
    /// [`Envelope::from_json`](Envelope::from_json), and the attributes are those that were stored beside it.
    async fn stored(&self, store: &Self::Store) -> Vec<Envelope>;

    /// What the sink can do.
    fn capabilities(&self) -> Capabilities;
}

/// What a sink can do, so that the suite asks no more of it, and no less.
///
/// The fields begin as [`new`](Self::new) has them; set those that differ.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Capabilities {
    /// What [`DriverEventSink::guarantee`] must answer.
    pub guarantee: Guarantee,
    /// What was sent can be read back. Begins as true; false for a sink that drops events on purpose.
    pub stores: bool,
    /// The id, the time, the source, the stamp and the trace context can be read back. Begins as true.
    pub keeps_attributes: bool,
    /// What cannot be encoded is refused. Begins as true; false for a sink that looks at nothing.
    pub rejects_invalid: bool,
    /// An event without a [subject](Envelope::subject) is taken. Begins as true; where it is false, such an event must
    /// be [`Rejected`](crate::SinkErrorKind::Rejected).
    pub accepts_unknown_without_subject: bool,
    /// What comes after `close` is refused with [`Closed`](crate::SinkErrorKind::Closed). Begins as true; false for a
    /// sink that owns nothing.
    pub rejects_after_close: bool,
    /// The largest JSON that the transport takes, in bytes, where it takes less than the codec's 512 KiB. What is
    /// larger must be refused with [`TooLarge`](crate::SinkErrorKind::TooLarge). Begins as none.
    pub max_bytes: Option<usize>,
    /// How many events the sink takes before it refuses with [`Full`](crate::SinkErrorKind::Full), at least 1,000; none
    /// for a sink that waits for room instead, or makes room by itself. Begins as none.
    pub capacity: Option<usize>,
}

impl Capabilities {
    /// A sink that can do everything, and promises `guarantee`.
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

//! Test suites for the contracts of [`DriverEventSink`](crate::DriverEventSink), which every sink and decorator must pass,
//! and of [`DriverEventSource`](crate::DriverEventSource): see [`sources`].
//!
//! Implement [`Fixture`] for your sink and call [`run`]:
//!
//! ```
//! use std::sync::Arc;
//! use async_trait::async_trait;
//! use driver_events_core::conformance::{self, Capabilities, Fixture};
//! use driver_events_core::{DriverEventSink, Envelope, Guarantee, MemoryEventSink};
//!
//! struct Memory;
//!
//! #[async_trait]
//! impl Fixture for Memory {
//!     type Store = MemoryEventSink;
//!
//!     async fn start(&self) -> (Arc<dyn DriverEventSink>, MemoryEventSink) {
//!         let sink = MemoryEventSink::new();
//!         (Arc::new(sink.clone()), sink)
//!     }
//!
//!     async fn stored(&self, store: &MemoryEventSink) -> Vec<Envelope> {
//!         store.envelopes()
//!     }
//!
//!     fn capabilities(&self) -> Capabilities {
//!         Capabilities::new(Guarantee::Buffered)
//!     }
//! }
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! conformance::run(&Memory).await;
//! # });
//! ```
//!
//! [`run`] checks every property; each one is also available as a function that panics if the sink violates it. The
//! functions require a tokio runtime, because some spawn tasks. A multi-threaded runtime finds more races. There are no
//! timeouts: a sink that hangs blocks the suite.

#![allow(clippy::panic, reason = "a test suite reports failures by panicking")]

pub mod samples;
pub mod sources;

mod batch_results;
mod cancellation;
mod close;
mod content;
mod fixture;
mod order;
mod property;
mod rejection;
mod system_under_test;

use self::property::check_all;

pub use batch_results::{meets_guarantee, returns_batch_results_in_order};
pub use cancellation::{survives_cancelled_batches, survives_cancelled_close, survives_cancelled_sends};
pub use close::{closes, closes_during_sends, flushes};
pub use content::{
    keeps_attributes, publish_matches_send, stores_every_kind, stores_received_bytes, stores_unknown_kinds,
};
pub use fixture::{Capabilities, Fixture};
pub use order::{
    keeps_order_after_failure, keeps_order_of_batches, keeps_order_of_concurrent_tasks, keeps_order_of_sends,
};
pub use rejection::{rejects_too_large_events, rejects_unencodable_events, returns_full_at_capacity};

/// Checks every property, one after another.
///
/// # Panics
/// Panics if the sink violates one of them, with the name of the property and the declared capabilities.
pub async fn run(fixture: &impl Fixture) {
    check_all!(
        fixture,
        meets_guarantee,
        stores_every_kind,
        stores_received_bytes,
        stores_unknown_kinds,
        keeps_attributes,
        publish_matches_send,
        returns_batch_results_in_order,
        rejects_unencodable_events,
        rejects_too_large_events,
        returns_full_at_capacity,
        keeps_order_of_sends,
        keeps_order_of_batches,
        keeps_order_of_concurrent_tasks,
        keeps_order_after_failure,
        flushes,
        closes,
        closes_during_sends,
        survives_cancelled_sends,
        survives_cancelled_batches,
        survives_cancelled_close,
    );
}

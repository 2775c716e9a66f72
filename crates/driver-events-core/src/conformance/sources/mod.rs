//! Test suite for the contract of [`DriverEventSource`](crate::DriverEventSource): every source must pass it.
//!
//! Implement [`SourceFixture`] for your source and call [`run`]. A fixture of a source that reads from memory:
//!
//! ```
//! use std::sync::Mutex;
//! use async_trait::async_trait;
//! use driver_events_core::conformance::sources::{self, SourceCapabilities, SourceFixture};
//! use driver_events_core::cloudevents::write_structured;
//! use driver_events_core::{DriverEventSource, Envelope, NdjsonSource};
//!
//! struct Lines;
//!
//! #[async_trait]
//! impl SourceFixture for Lines {
//!     type Log = Mutex<Vec<u8>>;
//!
//!     async fn start(&self) -> Self::Log {
//!         Mutex::default()
//!     }
//!
//!     async fn publish(&self, log: &Self::Log, envelopes: &[Envelope]) {
//!         let mut lines = log.lock().unwrap();
//!         for envelope in envelopes {
//!             write_structured(envelope, &mut lines).unwrap();
//!             lines.push(b'\n');
//!         }
//!     }
//!
//!     async fn publish_bytes(&self, log: &Self::Log, bytes: &[u8]) {
//!         log.lock().unwrap().extend_from_slice(&[bytes, b"\n"].concat());
//!     }
//!
//!     async fn open(&self, log: &Self::Log) -> Box<dyn DriverEventSource> {
//!         let lines = std::io::Cursor::new(log.lock().unwrap().clone());
//!         Box::new(NdjsonSource::new("-", lines))
//!     }
//!
//!     fn capabilities(&self) -> SourceCapabilities {
//!         let mut capabilities = SourceCapabilities::new();
//!         capabilities.redelivers = false;
//!         capabilities
//!     }
//! }
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! sources::run(&Lines).await;
//! # });
//! ```
//!
//! [`run`] checks every property; each one is also available as a function that panics if the source violates it. There are
//! no timeouts: a source that hangs blocks the suite.

mod content;
mod end;
mod fixture;
mod redelivery;
mod source_under_test;

pub use content::{delivers_in_order, delivers_malformed_messages, keeps_attributes, survives_cancelled_next};
pub use end::closes;
pub use fixture::{SourceCapabilities, SourceFixture};
pub use redelivery::{redelivers_nacked_events, redelivers_unsettled_events};

use super::property::check_all;

/// Checks every property, one after another.
///
/// # Panics
/// Panics if the source violates one of them, with the name of the property and the declared capabilities.
pub async fn run(fixture: &impl SourceFixture) {
    check_all!(
        fixture,
        delivers_in_order,
        keeps_attributes,
        delivers_malformed_messages,
        survives_cancelled_next,
        redelivers_unsettled_events,
        redelivers_nacked_events,
        closes,
    );
}

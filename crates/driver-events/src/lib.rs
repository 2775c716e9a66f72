//! Events of AI agents' driver loops: sinks and sources, opened from URLs.
//!
//! [`open_sink`] and [`open_source`] choose the transport by the URL, which may come from a configuration file, and
//! [`Options`] are [`Deserialize`](serde::Deserialize). A driver loop holds the
//! `Arc<dyn DriverEventSink>` and calls [`publish`](DriverEventSink::publish); a reader calls
//! [`next`](DriverEventSource::next).
//!
//! The crate re-exports `driver-events-types` and `driver-events-core` at its root, and the transports as the modules
//! [`stdout`], `nats`, `kafka` and `spool`. Programs that build sinks without URLs may depend on those crates directly.
//!
//! # Examples
//! ```console
//! $ cargo add driver-events --features nats
//! $ cargo add tokio --features macros,rt-multi-thread
//! $ cargo add serde --features derive
//! $ cargo add toml
//! ```
//!
//! ```
//! use driver_events::{DriverEvent, DriverEventSink, Goal, GoalOutcome, Options, open_sink};
//!
//! /// Part of the configuration of a runtime.
//! #[derive(serde::Deserialize)]
//! struct Config {
//!     sink: String,
//!     #[serde(default)]
//!     options: Options,
//! }
//!
//! async fn run(config: &str, goal: Goal, work: impl AsyncFn(&Goal) -> GoalOutcome) -> Result<(), Box<dyn std::error::Error>> {
//!     let config: Config = toml::from_str(config)?;
//!     let sink = open_sink(&config.sink, &config.options).await?.sink;
//!     let report = async |event| {
//!         // An event that cannot be published must not stop the driver loop.
//!         if let Err(error) = sink.publish(event).await {
//!             eprintln!("event not published: {error}");
//!         }
//!     };
//!     report(DriverEvent::GoalStarted { goal: goal.clone() }).await;
//!     let outcome = work(&goal).await;
//!     report(DriverEvent::GoalCompleted { outcome }).await;
//!     // Delivers buffered events.
//!     sink.close().await?;
//!     Ok(())
//! }
//! ```
//!
//! With `sink = "jetstream://127.0.0.1:4222/DRIVER"` in the configuration, the events are stored in a stream; with
//! `kafka://127.0.0.1:9092`, in a topic.
//!
//! # Features
//! None is enabled by default.
//! - `nats`: `nats:`, `tls:` and `jetstream:` URLs, and the module `nats`.
//! - `kafka`: `kafka:` URLs, and the module `kafka`. Builds librdkafka.
//! - `kafka-tls`: TLS for Kafka, and the SASL mechanisms that need it. Links the system's OpenSSL.
//! - `spool`: `spool:` URLs, and the module `spool`: an outbox on disk. Builds SQLite.
//! - `metrics`: sinks report to the [`metrics`](https://docs.rs/metrics) facade.
//! - `conformance`: the module `conformance`, a test suite for sinks and sources.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod pipeline;

mod open;

mod sink_url;
mod source_url;

mod transport;

mod open_error;
mod opened_sink;
mod opened_source;
mod options;
mod protocol;
mod start_position;
mod url;

#[doc(inline)]
pub use driver_events_core::*;
#[doc(inline)]
pub use driver_events_types::*;

/// Events over Apache Kafka.
#[cfg(feature = "kafka")]
#[doc(inline)]
pub use driver_events_kafka as kafka;
/// Events over NATS and JetStream.
#[cfg(feature = "nats")]
#[doc(inline)]
pub use driver_events_nats as nats;
/// An outbox on disk, in front of any sinks.
#[cfg(feature = "spool")]
#[doc(inline)]
pub use driver_events_spool as spool;
/// Events as lines, on stdout, in files and on any writer.
#[doc(inline)]
pub use driver_events_stdout as stdout;

pub use open::{open_sink, open_source};
pub use open_error::OpenError;
pub use opened_sink::OpenedSink;
pub use opened_source::OpenedSource;
pub use options::{KafkaProperties, Options};
pub use pipeline::{builder::Pipeline, opened::OpenedPipeline};
pub use protocol::Protocol;
pub use sink_url::SinkUrl;
pub use source_url::SourceUrl;
pub use start_position::{InvalidStartPosition, StartPosition};
pub use url::UrlError;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

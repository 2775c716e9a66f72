//! Events of AI agents' driver loops over Apache Kafka.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod sink;
mod sink_builder;

mod properties;
mod setup_error;
mod state;
mod topics;

mod headers;
mod record;

mod batch;
mod check;
mod context;
mod errors;
mod gate;
mod generation;
mod producer;

pub use context::TokenProvider;
pub use properties::Acks;
pub use setup_error::{SetupError, SetupErrorKind};
pub use sink::KafkaEventSink;
pub use sink_builder::KafkaEventSinkBuilder;
pub use state::KafkaState;

/// The topic that has all events, unless a sink or a source is told otherwise. A part of the contract: it never changes.
pub const DEFAULT_TOPIC: &str = "agent.driver";

//! Events of AI agents' driver loops over Apache Kafka.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod sink;
mod sink_builder;

mod source;
mod source_builder;
mod start;

mod properties;
mod setup_error;
mod state;
mod topic_settings;
mod topics;

mod headers;
mod record;

mod batch;
mod check;
mod context;
mod dead_letters;
mod drop_elsewhere;
mod errors;
mod gate;
mod generation;
mod member;
mod offsets;
mod producer;

pub use context::TokenProvider;
pub use properties::Acks;
pub use setup_error::{SetupError, SetupErrorKind};
pub use sink::KafkaEventSink;
pub use sink_builder::KafkaEventSinkBuilder;
pub use source::KafkaEventSource;
pub use source_builder::KafkaEventSourceBuilder;
pub use start::StartFrom;
pub use state::KafkaState;
pub use topic_settings::{EnsuredTopic, TopicSettings, TopicWarning, ensure_topic};

/// The topic that has all events, unless a sink or a source is told otherwise. A part of the contract: it never changes.
pub const DEFAULT_TOPIC: &str = "agent.driver";

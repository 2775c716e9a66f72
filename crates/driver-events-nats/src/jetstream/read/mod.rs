//! Reading a stream with an ephemeral or a durable consumer.

mod source;
mod source_builder;

mod consumer;
mod consumer_settings;
mod durable_consumer;
mod durable_state;
mod pause_watch;
mod prefetch;
mod pull_limits;
mod pull_subscription;

mod examination;
mod examination_outcomes;
mod known_unreadable;
mod stored_message;

mod ack_subject;
mod dead_letters;
mod deliveries;
mod outage;
mod settle;

pub use source::JetStreamEventSource;
pub use source_builder::JetStreamEventSourceBuilder;

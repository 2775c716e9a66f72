//! Events of AI agents' driver loops over Apache Kafka.
//!
//! [`KafkaEventSink`] produces every event to a topic and waits for its delivery report, and [`KafkaEventSource`] reads
//! them, in a consumer group or alone. They are a [`DriverEventSink`](driver_events_core::DriverEventSink) and a
//! [`DriverEventSource`](driver_events_core::DriverEventSource) over librdkafka.
//!
//! # When to use it
//! Where events are kept for long, and many groups of consumers read them at their own pace.
//!
//! # Example
//! ```no_run
//! use std::sync::Arc;
//!
//! use driver_events_core::DriverEventSink;
//! use driver_events_kafka::{KafkaEventSink, TopicSettings, ensure_topic};
//! use driver_events_types::{DriverEvent, GoalId};
//! use rdkafka::ClientConfig;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut config = ClientConfig::new();
//! config.set("bootstrap.servers", "127.0.0.1:9092");
//! ensure_topic(&config, &TopicSettings::new().partitions(12)).await?;
//! let sink: Arc<dyn DriverEventSink> = Arc::new(KafkaEventSink::new(config)?);
//! sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "needs a person".into() }).await?;
//! sink.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # On the wire
//! | part of the record | value |
//! |---|---|
//! | topic | `agent.driver`, under the publisher's prefix where it has one: `tenant-7.agent.driver` |
//! | key | the goal's id; none where an unknown event does not tell |
//! | value | the event's bare JSON |
//! | timestamp | when the event happened, in milliseconds |
//! | header `ce_specversion` | `1.0` |
//! | header `ce_id` | the event's id, the same through every retry |
//! | header `ce_source` | who published it |
//! | header `ce_type` | its subject, `agent.driver.escalate` |
//! | headers `ce_subject`, `ce_partitionkey` | the goal's id, as the key |
//! | header `ce_time` | when it happened, RFC 3339; absent where it is not known |
//! | header `content-type` | `application/json` |
//! | header `ce_sequence` | the number of the event in its goal and run, 20 digits; absent without a stamp |
//! | header `ce_producerrun` | the run of the producer; absent without a stamp |
//! | header `ce_traceparent` | the W3C trace context; absent without one |
//!
//! That is the binary mode of
//! [CloudEvents' Kafka binding](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md).
//! A publisher may leave the headers out. The partition is found from the key as producers in Java do it
//! (`partitioner=murmur2_random`).
//!
//! # Security
//! Who connects is said by librdkafka's properties. With TLS (`security.protocol=SASL_SSL`, or `SSL` without a user):
//!
//! | what | properties |
//! |---|---|
//! | whom to trust | `ssl.ca.location`, a file, or `ssl.ca.pem`, its text; the system's authorities without them |
//! | a certificate of the client | `ssl.certificate.location` and `ssl.key.location`, or `ssl.certificate.pem` and `ssl.key.pem`; `ssl.key.password` |
//! | PLAIN | `sasl.mechanism=PLAIN`, `sasl.username`, `sasl.password` |
//! | SCRAM | `sasl.mechanism=SCRAM-SHA-256` or `SCRAM-SHA-512`, `sasl.username`, `sasl.password` |
//! | OAUTHBEARER | `sasl.mechanism=OAUTHBEARER`, and a [`TokenProvider`] that the builder is given |
//!
//! All of it needs the feature `tls`, but for PLAIN without TLS (`security.protocol=SASL_PLAINTEXT`), which sends the
//! password as it is. Without the feature a builder refuses it, and says so.
//!
//! Where access rules hold, a sink needs WRITE on its topics, and a source READ on its topics and on its group. An error
//! for want of one has the command that allows it.
//!
//! What librdkafka logs is told to `tracing` with the target `librdkafka`, as much as there is a subscriber for; its
//! property `debug` makes it talk. Of a source that happens while [`next`](driver_events_core::DriverEventSource::next) is
//! called. Passwords, keys and tokens are in none of it.
//!
//! # Features
//! - `tls`: TLS, and the SASL mechanisms that need it. Links the OpenSSL of the system.

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
mod unanswered;

mod headers;
mod record;

mod answers;
mod check;
mod client;
mod context;
mod dead_letters;
mod drop_elsewhere;
mod errors;
mod flights;
mod gate;
mod generation;
mod member;
mod offsets;
mod permissions;
mod polling;
mod producer;
mod retries;
mod room;
mod ticket;
mod tokens;

pub use properties::Acks;
pub use setup_error::{SetupError, SetupErrorKind};
pub use sink::KafkaEventSink;
pub use sink_builder::KafkaEventSinkBuilder;
pub use source::KafkaEventSource;
pub use source_builder::KafkaEventSourceBuilder;
pub use start::StartFrom;
pub use state::KafkaState;
pub use tokens::TokenProvider;
pub use topic_settings::{EnsuredTopic, TopicSettings, TopicWarning, ensure_topic};

pub use driver_events_types::DEFAULT_TOPIC;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

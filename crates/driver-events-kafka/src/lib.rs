//! Events of AI agents' driver loops over Apache Kafka.
//!
//! [`KafkaEventSink`] produces each event to a topic and waits for its delivery report. [`KafkaEventSource`] reads events in
//! a consumer group or standalone. They implement [`DriverEventSink`](driver_events_core::DriverEventSink) and
//! [`DriverEventSource`](driver_events_core::DriverEventSource) with librdkafka.
//!
//! # When to use it
//! For long retention, and for many consumer groups that each read at their own pace.
//!
//! # Examples
//! ```console
//! $ cargo add driver-events-kafka driver-events-core driver-events-types
//! $ cargo add tokio --features macros,rt-multi-thread
//! ```
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//!
//! use driver_events_core::{DriverEventSink, DriverEventSinkExt};
//! use driver_events_kafka::rdkafka::ClientConfig;
//! use driver_events_kafka::{KafkaEventSink, TopicSettings, ensure_topic};
//! use driver_events_types::{
//!     AcceptanceCriterion, AttemptOutcome, AttemptResult, BudgetGuards, BudgetUsage, DriverEvent, Goal, GoalId,
//!     GoalOutcome,
//! };
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut config = ClientConfig::new();
//! config.set("bootstrap.servers", "127.0.0.1:9092");
//! ensure_topic(&config, &TopicSettings::new().partitions(12)).await?;
//! let sink = KafkaEventSink::new(config)?;
//! let sink: Arc<dyn DriverEventSink> = Arc::new(sink.stamped("urn:example:driver")?);
//!
//! let started = Instant::now();
//! let goal = Goal {
//!     id: GoalId::new(),
//!     description: "fix the parser".into(),
//!     acceptance: vec![AcceptanceCriterion::shell("cargo test")],
//!     budget: BudgetGuards {
//!         max_turns: 20,
//!         max_wall_time: Duration::from_secs(3_600),
//!         max_tokens: 1_000_000,
//!         max_consecutive_denies: 3,
//!         max_consecutive_errors: 5,
//!         max_consecutive_413: 2,
//!     },
//!     workspace: None,
//!     metadata: Default::default(),
//! };
//! let goal_id = goal.id;
//! report(&*sink, DriverEvent::GoalStarted { goal }).await;
//! report(&*sink, DriverEvent::AttemptStarted { goal_id, turn_index: 0, usage: BudgetUsage::default() }).await;
//! // The agent works here.
//! let elapsed = started.elapsed();
//! let usage = BudgetUsage { turns: 1, wall_time: elapsed, tokens: 41_200, ..BudgetUsage::default() };
//! let result = AttemptResult {
//!     goal_id,
//!     turn_index: 0,
//!     outcome: AttemptOutcome::Done,
//!     decisions_recorded: Vec::new(),
//!     usage_after: usage.clone(),
//!     acceptance: None,
//!     final_text: None,
//!     harness_extras: Default::default(),
//! };
//! report(&*sink, DriverEvent::AttemptCompleted { result }).await;
//! let outcome = GoalOutcome {
//!     goal_id,
//!     outcome: AttemptOutcome::Done,
//!     total_turns: 1,
//!     usage,
//!     final_text: None,
//!     acceptance: None,
//!     elapsed,
//! };
//! report(&*sink, DriverEvent::GoalCompleted { outcome }).await;
//!
//! // Delivers buffered events.
//! sink.close().await?;
//! # Ok(())
//! # }
//!
//! /// Publishes an event. A failure must not stop the driver loop.
//! async fn report(sink: &dyn DriverEventSink, event: DriverEvent) {
//!     if let Err(error) = sink.publish(event).await {
//!         eprintln!("event not published: {error}");
//!     }
//! }
//! ```
//!
//! Re-exports [`rdkafka`], whose types are in the public API.
//!
//! # Wire format
//! | part of the record | value |
//! |---|---|
//! | topic | `agent.driver`, or with the publisher's prefix: `tenant-7.agent.driver` |
//! | key | the goal id; null for an unknown event without one |
//! | value | the event's bare JSON |
//! | timestamp | the event's time, in milliseconds; at least 1, also for an event of 1970-01-01T00:00:00Z or earlier |
//! | header `ce_specversion` | `1.0` |
//! | header `ce_id` | the event id, the same in every retry |
//! | header `ce_source` | the publisher |
//! | header `ce_type` | the subject, such as `agent.driver.escalate` |
//! | headers `ce_subject`, `ce_partitionkey` | the goal id, equal to the key |
//! | header `ce_time` | the event's time, RFC 3339; absent if unknown |
//! | header `content-type` | `application/json` |
//! | header `ce_sequence` | the sequence number of the event in its goal and run, 20 digits; absent without a stamp |
//! | header `ce_producerrun` | the run of the producer; absent without a stamp |
//! | header `ce_traceparent` | the W3C trace context; absent without one |
//! | header `ce_tracestate` | the vendors' part of the trace context; absent without one |
//!
//! This is the binary mode of
//! [CloudEvents' Kafka binding](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md).
//! Records without headers are read, too. A header with a null value is an absent attribute, the last of several headers of a
//! name counts, and a header whose name is not UTF-8 is ignored: this catches a panic of rdkafka, so it needs
//! `panic = "unwind"`, the default. The partitioner is that of Java producers (`partitioner=murmur2_random`).
//!
//! # Security
//! Credentials are librdkafka properties. With TLS (`security.protocol=SASL_SSL`, or `SSL` without SASL):
//!
//! | purpose | properties |
//! |---|---|
//! | trusted CAs | `ssl.ca.location` (file) or `ssl.ca.pem` (text); default: the system's CAs |
//! | client certificate | `ssl.certificate.location` and `ssl.key.location`, or `ssl.certificate.pem` and `ssl.key.pem`; `ssl.key.password` |
//! | PLAIN | `sasl.mechanism=PLAIN`, `sasl.username`, `sasl.password` |
//! | SCRAM | `sasl.mechanism=SCRAM-SHA-256` or `SCRAM-SHA-512`, `sasl.username`, `sasl.password` |
//! | OAUTHBEARER | `sasl.mechanism=OAUTHBEARER`, and a [`TokenProvider`] on the builder |
//!
//! All of these need the feature `tls`, except PLAIN without TLS (`security.protocol=SASL_PLAINTEXT`), which sends the
//! password in clear. Without the feature the builders return an error.
//!
//! With ACLs, a sink needs WRITE on its topics, and a source READ on its topics and its group. The error of a missing
//! permission contains the command that grants it.
//!
//! librdkafka's logs are `tracing` events with the target `librdkafka`, up to the level that the subscriber enables; its
//! property `debug` adds more. A source emits them while [`next`](driver_events_core::DriverEventSource::next) runs. Logs
//! contain no passwords, keys or tokens.
//!
//! # Features
//! None is enabled by default.
//! - `tls`: TLS, and the SASL mechanisms SCRAM and OAUTHBEARER. Links the system's OpenSSL.
//! - `gzip`: the compression codec `gzip`, for writing and reading. Builds zlib from source.
//! - `zstd`: the compression codec `zstd`, for writing and reading. Builds libzstd from source.
//!
//! `lz4` (the sink's default) and `snappy` are always available.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod consumer;
mod producer;

mod admin;
mod client;
mod wire;

pub use admin::topic_settings::{EnsuredTopic, TopicSettings, TopicWarning, ensure_topic};
pub use client::properties::Acks;
pub use client::state::KafkaState;
pub use client::tokens::TokenProvider;
pub use consumer::{KafkaEventSource, KafkaEventSourceBuilder, StartFrom};
pub use producer::{KafkaEventSink, KafkaEventSinkBuilder};

pub use driver_events_core::{SetupError, SetupErrorKind};
pub use driver_events_types::DEFAULT_TOPIC;
// Re-exported because the public API has types of this crate: callers get the matching version.
pub use rdkafka;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

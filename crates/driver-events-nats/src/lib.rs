//! Events of AI agents' driver loops over NATS.
//!
//! [`NatsEventSink`] publishes every event on its subject over core NATS, at most once, to current subscribers;
//! [`NatsEventSource`] subscribes to them. [`JetStreamEventSink`] publishes on the same subjects and waits until a stream
//! has stored the event; [`JetStreamEventSource`] reads a stream, standalone or with a durable consumer. The sinks are
//! [`DriverEventSink`](driver_events_core::DriverEventSink)s, the sources
//! [`DriverEventSource`](driver_events_core::DriverEventSource)s.
//!
//! # When to use it
//! Use core NATS for live views, such as dashboards and chat hooks, in any language: it stores nothing. Use JetStream for
//! events that must not be lost or are read later, such as audit and cost reports: each event costs a round trip to the
//! disk of a server, and [`send_batch`](driver_events_core::DriverEventSink::send_batch) has many in flight. Core NATS
//! subscribers receive the events of both. Neither is enough for a driver that must continue during long outages of NATS:
//! that needs a store on the driver's machine.
//!
//! # Examples
//! ```console
//! $ cargo add driver-events-nats driver-events-core driver-events-types
//! $ cargo add tokio --features macros,rt-multi-thread
//! ```
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//!
//! use driver_events_core::{DriverEventSink, DriverEventSinkExt};
//! use driver_events_nats::{NatsEventSink, NatsOptions};
//! use driver_events_types::{
//!     AcceptanceCriterion, AttemptOutcome, AttemptResult, BudgetGuards, BudgetUsage, DriverEvent, Goal, GoalId,
//!     GoalOutcome,
//! };
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let options = NatsOptions::new("nats://127.0.0.1:4222").name("driver-17").connect_in_background();
//! let sink = NatsEventSink::builder().options(options).build().await?;
//! let sink: Arc<dyn DriverEventSink> = Arc::new(sink.stamped("urn:example:driver-17")?);
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
//! Re-exports [`async_nats`], whose types are in the public API.
//!
//! # On the wire
//! Every kind has its own subject, such as `agent.driver.goal.started`, below the prefix of the publisher if it has one:
//! `tenant-7.agent.driver.goal.started`. Readers subscribe to `agent.driver.>` or `tenant-7.agent.driver.>`. The payload
//! is the bare JSON of the event. The attributes are headers in
//! [CloudEvents binary mode for NATS](https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md);
//! spaces, double quotes, `%` and everything but printable ASCII are percent-encoded. A publisher may omit the headers.
//!
//! | header | value |
//! |---|---|
//! | `ce-specversion` | `1.0` |
//! | `ce-id` | id of the event, the same through every retry |
//! | `Nats-Msg-Id` | key by which a stream drops duplicates: without a prefix, a UUID is the key; otherwise `driver-events ID SOURCE [PREFIX]` |
//! | `ce-source` | the publisher, a URI-reference |
//! | `ce-type` | subject without prefix |
//! | `ce-subject`, `ce-partitionkey` | goal id; absent for an unknown kind without one |
//! | `ce-time` | time of the event, RFC 3339; absent if unknown |
//! | `ce-datacontenttype` | `application/json` |
//! | `ce-sequence` | sequence number within goal and run, 20 digits; absent without a stamp |
//! | `ce-producerrun` | run of the producer; absent without a stamp |
//! | `ce-traceparent` | W3C trace context; absent if unset |
//! | `ce-tracestate` | vendors' part of the trace context; absent if unset |
//!
//! # Connections
//! A sink or source uses an existing client ([`NatsEventSink::new`]), a shared [`NatsConnection`], or its own connection
//! ([`NatsOptions`]). Only the latter two report rejected subjects and credentials, at startup and later. The client
//! queues at most 128 of these reports, so during bursts the counts of rejected messages are lower bounds.
//!
//! # Features
//! None.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod core;
mod jetstream;

mod connection;
mod wire;

mod lock;
mod timeouts;

// Re-exported because the public API has types of this crate: callers get the matching version.
pub use async_nats;
pub use connection::{NatsConnection, NatsOptions};
pub use driver_events_core::{SetupError, SetupErrorKind};
pub use jetstream::{
    EnsuredStream, JetStreamEventSink, JetStreamEventSinkBuilder, JetStreamEventSource, JetStreamEventSourceBuilder,
    StreamSettings, StreamWarning, ensure_stream,
};

pub use self::core::{NatsEventSink, NatsEventSinkBuilder, NatsEventSource, NatsEventSourceBuilder};

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

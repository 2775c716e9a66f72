//! Events of AI agents' driver loops over NATS.
//!
//! [`NatsEventSink`] publishes every event on its subject, and [`NatsEventSource`] reads them. They are a
//! [`DriverEventSink`](driver_events_core::DriverEventSink) and a
//! [`DriverEventSource`](driver_events_core::DriverEventSource) over core NATS: at most once, to whoever is listening.
//! [`JetStreamEventSink`] publishes on the same subjects, and waits until a stream has stored the event;
//! [`JetStreamEventSource`] reads what a stream has, by itself or with a durable consumer.
//!
//! # When to use it
//! Core NATS for dashboards, chat hooks and all who want to see events as they happen, in any language: it keeps nothing.
//! JetStream for what must not be lost, for auditors and cost reports, and for who reads later: every event costs a round
//! trip to the disk of a server, of which [`send_batch`](driver_events_core::DriverEventSink::send_batch) has many under
//! way. Who listens to the subjects by core NATS sees the events of both. Where the driver must go on while NATS is away
//! for long, neither is enough: that needs a store on the driver's own machine.
//!
//! # Example
//! ```no_run
//! use std::sync::Arc;
//!
//! use driver_events_core::DriverEventSink;
//! use driver_events_nats::{NatsEventSink, NatsOptions};
//! use driver_events_types::{DriverEvent, GoalId};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let options = NatsOptions::new("nats://127.0.0.1:4222").name("driver-17").connect_in_background();
//! let sink: Arc<dyn DriverEventSink> = Arc::new(NatsEventSink::builder().options(options).build().await?);
//! sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "needs a person".into() }).await?;
//! sink.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # On the wire
//! The subject is the event's own, as in `agent.driver.goal.started`, under the publisher's prefix where it has one:
//! `tenant-7.agent.driver.goal.started`. Readers subscribe to `agent.driver.>` or `tenant-7.agent.driver.>`. The payload
//! is the event's bare JSON. The attributes are headers, as
//! [CloudEvents' binary mode for NATS](https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md)
//! has them; blanks, double quotes, `%` and all that is not printable ASCII are percent-encoded. A publisher may leave
//! the headers out.
//!
//! | header | value |
//! |---|---|
//! | `ce-specversion` | `1.0` |
//! | `ce-id`, `Nats-Msg-Id` | the event's id, the same through every retry |
//! | `ce-source` | who published it |
//! | `ce-type` | the subject without prefix |
//! | `ce-subject`, `ce-partitionkey` | the goal's id; absent where an unknown event does not tell |
//! | `ce-time` | when it happened, RFC 3339; absent where it is not known |
//! | `ce-datacontenttype` | `application/json` |
//! | `ce-sequence` | the number of the event in its goal and run, 20 digits; absent without a stamp |
//! | `ce-producerrun` | the run of the producer; absent without a stamp |
//! | `ce-traceparent` | the W3C trace context; absent without one |
//!
//! # Connections
//! A sink takes a client that the caller made ([`NatsEventSink::new`]), a [`NatsConnection`] that is shared, or
//! [`NatsOptions`] for one of its own. Only the latter two see what the client tells its callback: that credentials are
//! refused, also those that turn bad later, and that the server takes no events on a subject. The client tells its
//! callback of no more than 128 things at a time; where more happens at once, numbers are lower bounds.
//!
//! # Features
//! None.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod core_nats;
mod jetstream;

mod nats_connection;
mod options;
mod setup_error;

mod headers;
mod percent;
mod subject;

mod barrier;
mod close_guard;
mod connect_failures;
mod connection;
mod connection_state;
mod credentials;
mod event_fence;
mod pluralize;
mod servers;
mod tls;

pub use core_nats::{NatsEventSink, NatsEventSinkBuilder, NatsEventSource, NatsEventSourceBuilder};
pub use jetstream::{
    EnsuredStream, JetStreamEventSink, JetStreamEventSinkBuilder, JetStreamEventSource, JetStreamEventSourceBuilder,
    StreamSettings, StreamWarning, ensure_stream,
};
pub use nats_connection::NatsConnection;
pub use options::NatsOptions;
pub use setup_error::{SetupError, SetupErrorKind};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

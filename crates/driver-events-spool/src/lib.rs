//! Durable outbox for the events of AI agents' driver loops: a sink on this machine's disk in front of any other sinks.
//!
//! # When to use this crate
//! - A driver loop must not wait for a broker, and must not lose events when the broker, or the process, dies:
//!   [`SpooledSink`].
//! - Events may be lost with the process, and only waiting is the problem: `Buffered` of
//!   [`driver-events-core`](https://docs.rs/driver-events-core) needs no disk.
//!
//! # The file
//! An [SQLite](https://www.sqlite.org/) database in [WAL mode](https://www.sqlite.org/wal.html), which any SQLite tool can
//! read while the spool is open. It must be on a local disk. The tables:
//!
//! | table | rows |
//! |---|---|
//! | `events` | what is not delivered to every target yet, and what [`Retention`] keeps: attributes, JSON, a checksum |
//! | `targets` | the cursor of each target: every event up to it is delivered or dead |
//! | `settled` | events behind the cursor that are delivered or dead already, and that another target lacks |
//! | `dead_letters` | events that a target can never have, with the reason |
//!
//! [`SpoolFile`] and [`SpoolEventSource`] read the file, also while its owner runs, and settle dead letters.
//!
//! # Alarms
//! [`SpooledSink::health`] has the state of each target. The same goes to `tracing` (`error` for what needs an operator, `warn`
//! for what is retried) and, with the feature `metrics`, once a second to the [`metrics`](https://docs.rs/metrics) facade:
//! gauges `driver_events_spool_bytes`, `_depth`, `_oldest_age_seconds` and `_stopped`, counters `_accepted_total`,
//! `_refused_total`, `_delivered_total` and `_dead_total`, each with the label `target` where it is about one.
//!
//! # Features
//! - `metrics`: the gauges and counters above.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod sink;

mod builder;
mod settings;

mod health;
mod health_report;
mod health_view;

mod inspect;

mod delivery;
mod writer;

mod store;

mod clock;
mod file;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use builder::SpoolBuilder;
pub use health::{Health, TargetHealth, TargetState};
pub use inspect::kept_event::{DeadLetter, KeptEvent};
pub use inspect::source::SpoolEventSource;
pub use inspect::spool_file::SpoolFile;
pub use inspect::stats::{SpoolStats, TargetStats};
pub use settings::{Durability, Retention};
pub use sink::SpooledSink;

//! The events of an AI agent's driver loop, as types and as JSON.
//!
//! A driver loop works on a goal, attempt after attempt, and tells the world what happens: one [`DriverEvent`] each
//! time. This crate is the contract between those who publish and those who read: 16 kinds, their fields, their
//! subjects and the exact bytes of their JSON, all of them frozen.
//!
//! # When to use it
//! To make or to read events, in any process, over any transport: the crate does no I/O. To publish them, take
//! [`driver-events-core`](https://docs.rs/driver-events-core) for the sink trait and one crate for each transport.
//!
//! # Example
//! ```
//! use driver_events_types::{Decoded, DriverEvent, GoalId};
//!
//! let event = DriverEvent::Escalate { goal_id: GoalId::new(), reason: "needs a person".into() };
//! assert_eq!(event.nats_subject(), "agent.driver.escalate");
//!
//! let json = event.to_json()?;
//! match Decoded::from_json(&json)? {
//!     Decoded::Known(decoded) => assert_eq!(decoded, event),
//!     Decoded::Unknown { kind, .. } => println!("a newer publisher sent {kind}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What the JSON looks like
//! One compact object. `"kind"` stands first, then the fields in the order of [`EventKind::fields`]. Ids are
//! lower-case hyphenated UUIDs, times are RFC 3339 in UTC with 0, 3, 6 or 9 fractional digits, durations are
//! [`humantime`] text. Floats are the shortest digits that read back to the same bits, with an exponent from 1e+16 on
//! and from 1e-6 down. Free JSON ([`Decision::input`], [`Goal::metadata`], …) is a value, not a text: its keys are
//! sorted and its numbers are shortest text. All of this holds whatever features of serde_json the build switches on.
//!
//! A reader accepts the fields in any order, ignores those it does not know, and keeps what a newer publisher sent
//! ([`Decoded::Unknown`]).
//!
//! # Features
//! None.

mod event;
mod kind;

mod goal;

mod acceptance;
mod budget;

mod attempt;
mod decision;
mod replay;

mod compact;
mod memory;

mod id;

mod codec;
pub mod contract;

pub use acceptance::{AcceptanceCriterion, AcceptanceFailure, AcceptanceVerdict};
pub use attempt::{AttemptOutcome, AttemptResult};
pub use budget::{BudgetAxis, BudgetGuards, BudgetUsage};
pub use codec::decode_error::{DecodeError, DecodeErrorKind};
pub use codec::decoded::Decoded;
pub use codec::encode_error::{EncodeError, EncodeErrorKind};
pub use codec::limits::Limits;
pub use compact::CompactTrigger;
pub use decision::{Decision, DecisionChoice};
pub use event::DriverEvent;
pub use goal::{Goal, GoalOutcome};
pub use id::{DecisionId, GoalId};
pub use kind::{DEFAULT_TOPIC, EventKind, SUBJECT_WILDCARD, UnknownKind};
pub use memory::{AutoDreamOutcomeKind, ExtractSkipReason};
pub use replay::ReplayDecision;

// The foreign types in this crate's public API, so that a caller needs no version of its own to match.
pub use chrono;
pub use serde_json;
pub use uuid::{self, Uuid};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

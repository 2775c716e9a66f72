//! The events of an AI agent's driver loop, as Rust types and as JSON.
//!
//! A driver loop works on a goal in one or more attempts and publishes a [`DriverEvent`] for each step. This crate is
//! the contract between publishers and readers: 16 kinds, their fields, their subjects and the exact bytes of their
//! JSON, all of them frozen.
//!
//! # When to use it
//! To create or decode events in any process, over any transport: the crate performs no I/O. To publish events, use
//! [`driver-events-core`](https://docs.rs/driver-events-core) for the sink trait and the crate of your transport.
//!
//! # Examples
//! ```console
//! $ cargo add driver-events-types
//! ```
//!
//! ```
//! use std::time::Duration;
//!
//! use driver_events_types::{
//!     AcceptanceCriterion, AttemptOutcome, AttemptResult, BudgetGuards, BudgetUsage, Decoded, DriverEvent, Goal, GoalId,
//!     GoalOutcome,
//! };
//!
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
//! transfer(DriverEvent::GoalStarted { goal })?;
//! transfer(DriverEvent::AttemptStarted { goal_id, turn_index: 0, usage: BudgetUsage::default() })?;
//! // The agent works here.
//! let elapsed = Duration::from_secs(96);
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
//! transfer(DriverEvent::AttemptCompleted { result })?;
//! let outcome = GoalOutcome {
//!     goal_id,
//!     outcome: AttemptOutcome::Done,
//!     total_turns: 1,
//!     usage,
//!     final_text: None,
//!     acceptance: None,
//!     elapsed,
//! };
//! transfer(DriverEvent::GoalCompleted { outcome })?;
//!
//! /// Encodes an event as its publisher does, and decodes it as its readers do.
//! fn transfer(event: DriverEvent) -> Result<(), Box<dyn std::error::Error>> {
//!     assert!(event.nats_subject().starts_with("agent.driver."));
//!     let json = event.to_json()?;
//!     match Decoded::from_json(&json)? {
//!         Decoded::Known(decoded) => assert_eq!(decoded, event),
//!         Decoded::Unknown { kind, .. } => println!("a newer publisher sent {kind}"),
//!     }
//!     Ok(())
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # JSON format
//! An event is one compact object. `"kind"` comes first, then the fields in the order of [`EventKind::fields`]. Ids are
//! lower-case hyphenated UUIDs, times are RFC 3339 in UTC with 0, 3, 6 or 9 fractional digits, durations are
//! [`humantime`] text. Floats are the shortest digits that decode to the same bits, with an exponent from 1e+16 up and
//! from 1e-6 down. Free JSON ([`Decision::input`], [`Goal::metadata`], …) is normalised: sorted keys, numbers as
//! shortest text. The bytes do not depend on the features of serde_json that the build enables.
//!
//! The decoder accepts the fields in any order, ignores unknown fields, and keeps the events of newer publishers byte
//! for byte ([`Decoded::Unknown`]). It reads lone surrogates, which JavaScript writes, as U+FFFD
//! ([`replace_lone_surrogates`]).
//!
//! # Features
//! - `random`, a default one: `GoalId::new` and `DecisionId::new`. In a browser and under Node their randomness is that of the
//!   Web Crypto API.

#![cfg_attr(docsrs, feature(doc_cfg))]

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
pub mod schema;

pub use acceptance::{AcceptanceCriterion, AcceptanceFailure, AcceptanceVerdict};
pub use attempt::{AttemptOutcome, AttemptResult};
pub use budget::{BudgetAxis, BudgetGuards, BudgetUsage};
pub use codec::decode_error::{DecodeError, DecodeErrorKind};
pub use codec::decoded::Decoded;
pub use codec::encode_error::{EncodeError, EncodeErrorKind};
pub use codec::limits::Limits;
pub use codec::surrogates::replace_lone_surrogates;
pub use compact::CompactTrigger;
pub use decision::{Decision, DecisionChoice};
pub use event::DriverEvent;
pub use goal::{Goal, GoalOutcome};
pub use id::{DecisionId, GoalId};
pub use kind::{DEFAULT_TOPIC, EventKind, SUBJECT_WILDCARD, UnknownKind};
pub use memory::{AutoDreamOutcomeKind, ExtractSkipReason};
pub use replay::ReplayDecision;

// Re-exported because the public API has types of these crates: callers get the matching versions.
pub use chrono;
pub use serde_json;
pub use uuid::{self, Uuid};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

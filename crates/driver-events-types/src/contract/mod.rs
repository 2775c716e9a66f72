//! The wire contract as data: the fields of every kind and type, in encoding order, with their meanings.
//!
//! The decoder's error messages, the JSON Schema and the event catalogue are derived from these tables. Tests compare them
//! with the encoder and the decoder.
//!
//! # Examples
//! ```
//! use driver_events_types::EventKind;
//!
//! let fields: Vec<_> = EventKind::Escalate.fields().iter().map(|field| field.name).collect();
//! assert_eq!(fields, ["goal_id", "reason"]);
//! ```

mod kinds;

mod goal;

mod acceptance;
mod budget;

mod attempt;
mod decision;
mod replay;

mod compact;
mod memory;

mod common;
mod model;

pub use model::{Field, OneOf, Presence, Shape, Struct, Tagged, Value, Variant};

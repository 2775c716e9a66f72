//! The wire contract and the codec.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test reports failure by panicking"
)]

mod support;

mod fixtures;
mod free_json;
mod literal;
mod subjects;

mod contract;
mod decoded;
mod errors;
mod evolution;
mod limits;
mod surrogates;

mod behaviour;
mod by_position;
mod property;

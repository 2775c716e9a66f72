//! What crosses the crates.

#![expect(
    clippy::unwrap_used,
    reason = "tests say what went wrong by panicking, in their helpers too"
)]

mod documents;
mod faults;
mod whole_way;

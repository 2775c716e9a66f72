//! Allocations of operations, and memory of what is kept.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod allocations;
mod memory;

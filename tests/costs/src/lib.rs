//! Operations on an event, one at a time, without a server and without waiting.
//!
//! `cargo xtask bench instructions` counts the instructions of each operation under callgrind, and the tests of this crate count
//! allocations: numbers that do not depend on how busy the machine is.

mod null_client;
mod operation;

pub use operation::Operation;

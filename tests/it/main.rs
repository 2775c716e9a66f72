//! What crosses the crates.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests say what went wrong by panicking, in their helpers too"
)]
#![expect(
    clippy::print_stderr,
    reason = "a test that fails shows what the programs that it ran said"
)]

mod consumers;
mod documents;
mod faults;
mod kafka;
mod nats;
mod published;
mod whole_way;

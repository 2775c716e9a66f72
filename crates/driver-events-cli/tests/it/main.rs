//! The command as a shell sees it: what it prints, where, and how it ends.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what went wrong by panicking, in their helpers too"
)]

mod support;

mod damaged_lines;
mod demo;
mod ids;
mod publish;

mod subjects;
mod tail;
mod targets;
mod usage;

#[cfg(unix)]
mod follow;
#[cfg(unix)]
mod nats;
#[cfg(unix)]
mod nats_access;
#[cfg(unix)]
mod pipes;
#[cfg(unix)]
mod readme;
#[cfg(unix)]
mod signals;

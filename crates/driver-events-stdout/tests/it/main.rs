//! Lines come out whole, once and in order, whatever the writer does.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what went wrong by panicking, in their helpers too"
)]

mod support;

mod conformance;
mod formats;

mod color;
mod pretty;

mod failing;
mod waiting;
mod writing;

mod ending;
mod file;
mod pipe;
mod stdout;

//! Lines are written whole, once and in order, whatever the writer does.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers report failure by panicking"
)]

mod support;

mod conformance;
mod formats;

mod color;
mod pretty;

mod backpressure;
mod write_failures;
mod writes;

mod close;
mod file;
mod pipe;
mod stdout;

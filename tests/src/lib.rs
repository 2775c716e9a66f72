//! Tests across crates: end-to-end tests (`it/`), fault campaigns on real servers (`src/bin/faults/`), benchmarks
//! (`src/bin/bench/`), and the examples of the documents, compiled as doc tests of this crate.

pub mod memory;

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub mod readme {}

/// The examples of the page on Kafka.
#[cfg(doctest)]
#[doc = include_str!("../../docs/kafka.md")]
pub mod kafka {}

/// The examples of the page on guarantees.
#[cfg(doctest)]
#[doc = include_str!("../../docs/delivery.md")]
pub mod delivery {}

/// The examples of the guide to writing a sink.
#[cfg(doctest)]
#[doc = include_str!("../../docs/writing-a-sink.md")]
pub mod writing_a_sink {}

/// The examples of the page on the first loop.
#[cfg(doctest)]
#[doc = include_str!("../../docs/first-loop.md")]
pub mod first_loop {}

//! Tests across crates: end to end, interoperability with other languages, documents, faults.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests and their helpers fail by panicking"
)]
#![expect(
    clippy::print_stderr,
    reason = "a failed test prints the output of the programs that it ran"
)]

mod consumers;
mod documents;
mod durations;
mod end_to_end;
mod faults;
mod future_events;
mod generated_events;
mod kafka;
mod nats;
mod python_package;
mod sample_events;
mod schema;
mod typescript;

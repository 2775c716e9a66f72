//! A spool keeps and delivers what it has accepted, whatever happens to its process, its file and its targets.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers report failure by panicking"
)]

mod support;

mod conformance;
mod crash;
#[cfg(unix)]
mod damage;
mod delivery;
mod full;
mod inspect;
mod model;
mod open;
mod restart;
mod retention;

//! The sink and the source, against brokers.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails should panic")]

mod broken_producers;
mod support;

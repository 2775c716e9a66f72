//! The NATS transport as the consumers of `docs/consumers` see it.

mod consumer;
mod interop;
mod permissions;

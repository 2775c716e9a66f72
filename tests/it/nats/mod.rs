//! The NATS transport as the consumers of `docs/examples` see it.

mod consumer;
mod interop;
mod permissions;

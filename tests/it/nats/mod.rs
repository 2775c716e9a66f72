//! The NATS transport as readers in other languages see it: those of `docs/examples`.

mod consumer;
mod interop;
mod permissions;

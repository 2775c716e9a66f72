//! The NATS transport as readers in other languages see it: those of `docs/examples/nats`.

mod consumer;
mod permissions;
mod published;
mod witnesses;

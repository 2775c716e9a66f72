//! Parts common to all of librdkafka's clients: producers, consumers and admin clients.

pub(crate) mod context;
pub(crate) mod creation;
pub(crate) mod detached;
pub(crate) mod permissions;
pub(crate) mod properties;
pub(crate) mod state;
pub(crate) mod tokens;

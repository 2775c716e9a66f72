//! The thread that writes: one commit for all that has come meanwhile.

mod group;
mod maintenance;
pub(crate) mod thread;

pub(crate) mod file_state;
pub(crate) mod handle;

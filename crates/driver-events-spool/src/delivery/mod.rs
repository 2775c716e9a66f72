//! The workers that deliver, one for each target.

mod calls;
mod open_target;
mod reader;
mod recorder;
mod window;
mod worker;

pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod target;

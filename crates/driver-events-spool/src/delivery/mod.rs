//! The workers that deliver, one for each target.

mod calls;
mod reader;
mod window;
mod worker;

pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod target;

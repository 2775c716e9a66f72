pub(crate) mod builder;
pub(crate) mod opened;

mod compose;
mod config;

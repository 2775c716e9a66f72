//! Looks into the file of a spool, also while its owner runs.

pub(crate) mod dead_letters;
pub(crate) mod kept_event;
pub(crate) mod source;
pub(crate) mod spool_file;
pub(crate) mod stats;

//! Events on the wire: subjects, headers, payloads.

mod dedupe_key;
pub(crate) mod headers;
pub(crate) mod percent;
mod subject;
pub(crate) mod unreadable;

pub(crate) use subject::{Subjects, is_publishable};

#[cfg(test)]
mod random_input;

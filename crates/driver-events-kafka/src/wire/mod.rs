//! The wire format: topics, keys, values and headers.

pub(crate) mod headers;
pub(crate) mod quiet_panic;
pub(crate) mod record;
pub(crate) mod topic_naming;

//! Topics: metadata, creation and settings.

pub(crate) mod metadata;
pub(crate) mod topic_limits;
pub(crate) mod topic_settings;

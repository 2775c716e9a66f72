//! Streams: settings, creation, checks.

mod check;
mod content;
mod ensure;
mod lookup;
mod patterns;
mod settings;
mod warning;

pub(super) use check::{check, check_for_reading};
pub(super) use content::check_content;
pub(super) use ensure::log_warnings;
pub(super) use lookup::{STREAM_NOT_FOUND, check_name, look_up, lookup_error, lookup_request};
pub(super) use patterns::covers;

pub use ensure::{EnsuredStream, ensure_stream};
pub use settings::StreamSettings;
pub use warning::StreamWarning;

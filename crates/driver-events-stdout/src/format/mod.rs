pub(crate) mod color;
pub(crate) mod line_format;
pub(crate) mod terminal_escape;

use std::fmt;
use std::str::FromStr;

/// Format of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// `json`: the event's JSON ([NDJSON](https://github.com/ndjson/ndjson-spec)). A received event is written as received.
    #[default]
    Json,
    /// `cloudevents`: a CloudEvent 1.0 in structured mode, with the attributes of the envelope
    /// ([`write_structured`](driver_events_core::cloudevents::write_structured)). An event without a subject is
    /// [`Rejected`](driver_events_core::SinkErrorKind::Rejected).
    CloudEvents,
    /// `pretty`: human-readable ([`pretty`](crate::pretty)). It cannot be decoded.
    Pretty,
}

impl Format {
    /// All formats.
    pub const ALL: &'static [Self] = &[Self::Json, Self::CloudEvents, Self::Pretty];

    /// Returns the name: `json`, `cloudevents` or `pretty`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::CloudEvents => "cloudevents",
            Self::Pretty => "pretty",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Parses the exact name of [`Format::as_str`].
impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

/// An error from parsing a [`Format`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown format `{}`: use json, cloudevents or pretty", .0.escape_debug())]
pub struct UnknownFormat(String);

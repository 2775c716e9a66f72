use std::fmt;
use std::str::FromStr;

/// What a line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// `json`: the bare JSON of the event, as received where it was received ([NDJSON](https://github.com/ndjson/ndjson-spec)).
    #[default]
    Json,
    /// `cloudevents`: a CloudEvent in structured mode, with the id, the time and the other attributes of the envelope
    /// ([`write_structured`](driver_events_core::cloudevents::write_structured)). An event without a subject is
    /// [`Rejected`](driver_events_core::SinkErrorKind::Rejected).
    CloudEvents,
    /// `pretty`: for people ([`pretty`](crate::pretty)). It cannot be read back.
    Pretty,
}

impl Format {
    /// Every format.
    pub const ALL: &'static [Self] = &[Self::Json, Self::CloudEvents, Self::Pretty];

    /// The name: `json`, `cloudevents` or `pretty`.
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

/// The inverse of [`Format::as_str`], to the letter.
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

/// A text that names no [`Format`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat(String);

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown format {:?}: json, cloudevents and pretty are known", self.0)
    }
}

impl std::error::Error for UnknownFormat {}

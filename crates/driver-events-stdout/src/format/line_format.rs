use std::fmt;

use super::Format;

/// Format of the lines of one sink.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LineFormat {
    Set(Format),
    /// CloudEvents, and bare JSON for an event without a subject.
    CloudEventsOrJson,
}

impl fmt::Display for LineFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.of_event(true).as_str())
    }
}

impl LineFormat {
    /// Returns the format of an event.
    pub(crate) fn of_event(self, has_subject: bool) -> Format {
        match self {
            Self::Set(format) => format,
            Self::CloudEventsOrJson if has_subject => Format::CloudEvents,
            Self::CloudEventsOrJson => Format::Json,
        }
    }
}

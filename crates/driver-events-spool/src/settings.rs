use std::str::FromStr;
use std::time::Duration;

use driver_events_core::SetupError;

/// Guarantee for an event once [`send`](driver_events_core::DriverEventSink::send) has returned
/// [`Spooled`](driver_events_core::Receipt::Spooled).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// Survives the end of the process, `kill -9` too: the event is in the operating system's cache
    /// ([`synchronous=NORMAL`](https://www.sqlite.org/pragma.html#pragma_synchronous)). A power loss may cost the last events
    /// before it, and never damages the file.
    #[default]
    Process,
    /// Survives a power loss, too: every commit waits for the disk (`synchronous=FULL`). Concurrent sends share a commit.
    Power,
}

/// Events that stay in the file after every target has them, so that an operator can look back.
///
/// A full spool gives up kept events before it refuses a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retention {
    /// None.
    #[default]
    Off,
    /// The last ones, up to this number.
    Count(u64),
    /// All events that were spooled within this time.
    Age(Duration),
}

/// `process` or `power`.
impl FromStr for Durability {
    type Err = SetupError;

    fn from_str(text: &str) -> Result<Self, SetupError> {
        match text {
            "process" => Ok(Self::Process),
            "power" => Ok(Self::Power),
            _ => Err(SetupError::invalid(format!(
                "unknown durability `{text}`: expected `process` or `power`"
            ))),
        }
    }
}

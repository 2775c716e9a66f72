//! The committed lists.

use anyhow::Result;
use driver_events_types::{DEFAULT_TOPIC, EventKind};

use super::{Line, fields, golden};

/// The key in the list of topics that means all kinds: they share this topic.
pub const ALL_KINDS: &str = "*";

/// A list: one line `key<TAB>promise` for each thing of its sort, in the code's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Each kind with its subject.
    Subjects,
    /// All kinds with their common topic, then each kind with its own topic.
    Topics,
    /// Each kind, type, field and value with its form and presence.
    Fields,
    /// Events of each kind and with each inner kind and value, with their bytes.
    Golden,
}

impl List {
    /// All lists.
    pub const ALL: [Self; 4] = [Self::Subjects, Self::Topics, Self::Fields, Self::Golden];
    /// The lists of names.
    pub const NAMES: [Self; 2] = [Self::Subjects, Self::Topics];

    /// Returns the path from the workspace's root. The gate searches the history for this path, so a list never moves.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Subjects => "crates/driver-events-types/subjects.txt",
            Self::Topics => "crates/driver-events-types/topics.txt",
            Self::Fields => "crates/driver-events-types/fields.txt",
            Self::Golden => "crates/driver-events-types/golden.txt",
        }
    }

    /// Returns the lines of the types crate that this program was built with. The bytes of an event that is in the list are
    /// those of the listed event, decoded and encoded again.
    ///
    /// # Errors
    /// Returns an error if an example of the contract is not a valid event.
    pub fn of_code(self, listed: &[Line]) -> Result<Vec<Line>> {
        let of_each = |name: fn(EventKind) -> &'static str| {
            let kinds = EventKind::ALL.iter();
            kinds.map(move |kind| Line::new(kind.as_str(), name(*kind)))
        };
        match self {
            Self::Subjects => Ok(of_each(EventKind::subject).collect()),
            Self::Topics => {
                let shared = Line::new(ALL_KINDS, DEFAULT_TOPIC);
                Ok([shared].into_iter().chain(of_each(EventKind::topic)).collect())
            }
            Self::Fields => fields::lines(),
            Self::Golden => golden::lines(listed),
        }
    }
}

/// How large an event may be before the codec refuses it.
///
/// The limits hold on both sides: what [`to_json`](crate::DriverEvent::to_json) writes,
/// [`from_json`](crate::DriverEvent::from_json) with the same limits reads.
///
/// ```
/// use driver_events_types::Limits;
///
/// let limits = Limits::default().with_max_bytes(64 * 1024);
/// assert_eq!(limits.max_bytes(), 65_536);
/// assert_eq!(limits.max_depth(), 64);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    max_bytes: usize,
    max_depth: usize,
}

impl Limits {
    /// The deepest nesting that can be allowed: beyond it a parser that recurses is in danger. To read or write as
    /// deep as this takes some 100 KiB of stack in an optimised build, and some 350 KiB in one that is not.
    pub const DEEPEST: usize = super::depth::DEEPEST;

    /// The most bytes of JSON; 512 KiB unless set.
    #[must_use]
    pub const fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// The most arrays and objects inside of one another, the event itself included; 64 unless set.
    #[must_use]
    pub const fn max_depth(&self) -> usize {
        self.max_depth
    }

    /// Sets the most bytes of JSON.
    #[must_use]
    pub const fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Sets the deepest nesting. More than [`DEEPEST`](Self::DEEPEST) counts as [`DEEPEST`](Self::DEEPEST).
    #[must_use]
    pub const fn with_max_depth(mut self, max_depth: usize) -> Self {
        self.max_depth = if max_depth < Self::DEEPEST {
            max_depth
        } else {
            Self::DEEPEST
        };
        self
    }
}

/// 512 KiB and 64 levels.
impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 512 * 1024,
            max_depth: 64,
        }
    }
}

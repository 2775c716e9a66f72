/// Maximum size and nesting depth that the codec accepts.
///
/// Encoder and decoder apply them alike: [`from_json_with`](crate::DriverEvent::from_json_with) accepts everything that
/// [`write_json_with`](crate::DriverEvent::write_json_with) writes with the same limits.
///
/// # Examples
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
    /// Highest value of [`max_depth`](Self::max_depth): a recursive parser risks a stack overflow beyond it.
    ///
    /// This depth needs about 100 KiB of stack in an optimised build and about 350 KiB in a debug build.
    pub const MAX_DEPTH: usize = super::depth::MAX_DEPTH;

    /// Returns the maximum size of the JSON in bytes. Default: 512 KiB.
    #[must_use]
    pub const fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Returns the maximum nesting depth in levels of arrays and objects, the event itself included. Default: 64.
    #[must_use]
    pub const fn max_depth(&self) -> usize {
        self.max_depth
    }

    /// Sets the maximum size of the JSON in bytes. Default: 512 KiB.
    #[must_use]
    pub const fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Sets the maximum nesting depth in levels, capped at [`MAX_DEPTH`](Self::MAX_DEPTH). Default: 64.
    #[must_use]
    pub const fn with_max_depth(mut self, max_depth: usize) -> Self {
        self.max_depth = if max_depth < Self::MAX_DEPTH {
            max_depth
        } else {
            Self::MAX_DEPTH
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

use super::sgr;

/// Style of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    color: bool,
    max_text_chars: usize,
}

impl Style {
    /// Creates a style with or without colours, see [`Color::is_on`](crate::Color::is_on). Texts are truncated to 100
    /// characters.
    #[must_use]
    pub const fn new(color: bool) -> Self {
        Self {
            color,
            max_text_chars: 100,
        }
    }

    /// Sets the maximum number of characters of each text. A longer text is truncated and ends with `…`. Default: 100.
    #[must_use]
    pub const fn with_max_text_chars(mut self, max_text_chars: usize) -> Self {
        self.max_text_chars = max_text_chars;
        self
    }

    /// Returns the maximum number of characters of each text.
    #[must_use]
    pub const fn max_text_chars(&self) -> usize {
        self.max_text_chars
    }

    /// Calls `write` between the escape sequences of a colour, or alone if the style has none.
    pub(super) fn paint(self, sgr: &str, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        if self.color {
            out.extend_from_slice(sgr.as_bytes());
        }
        write(out);
        if self.color {
            out.extend_from_slice(sgr::RESET.as_bytes());
        }
    }
}

/// Creates a style without colours.
impl Default for Style {
    fn default() -> Self {
        Self::new(false)
    }
}

use std::env;
use std::ffi::OsStr;

/// Whether the readable form is coloured. The other formats never are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Color {
    /// On a terminal, unless the environment variable [`NO_COLOR`](https://no-color.org) is set and not empty.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// The answer for an output that is a terminal or not, with `NO_COLOR` from this process's environment.
    #[must_use]
    pub fn is_on(self, is_terminal: bool) -> bool {
        self.is_on_with(is_terminal, env::var_os("NO_COLOR").as_deref())
    }

    /// [`is_on`](Self::is_on) with the value of `NO_COLOR` from the caller; none where it is not set.
    #[must_use]
    pub fn is_on_with(self, is_terminal: bool, no_color: Option<&OsStr>) -> bool {
        match self {
            Self::Auto => is_terminal && no_color.is_none_or(OsStr::is_empty),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

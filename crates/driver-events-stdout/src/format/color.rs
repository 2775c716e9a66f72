use std::env;
use std::ffi::OsStr;

/// Whether [`Format::Pretty`](crate::Format::Pretty) is coloured. The other formats never are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Color {
    /// If the output is a terminal and the environment variable [`NO_COLOR`](https://no-color.org) is unset or empty.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Returns whether to colour the output, with `NO_COLOR` from the process's environment.
    #[must_use]
    pub fn is_on(self, is_terminal: bool) -> bool {
        self.is_on_with(is_terminal, env::var_os("NO_COLOR").as_deref())
    }

    /// Returns whether to colour the output, with the given value of `NO_COLOR`; `None` if unset.
    #[must_use]
    pub fn is_on_with(self, is_terminal: bool, no_color: Option<&OsStr>) -> bool {
        match self {
            Self::Auto => is_terminal && no_color.is_none_or(OsStr::is_empty),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

use std::process::ExitCode;

use crate::signals::Signal;

/// How the command ends. Wrong usage, 2, is mostly found by clap before a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All was done.
    Success,
    /// Something was malformed, rejected or not delivered.
    Failure,
    /// The arguments ask for what makes no sense.
    Usage,
    /// A signal came before the end.
    Stopped(Signal),
}

impl Exit {
    /// Failure where something went wrong.
    pub(crate) fn failure_if(something_failed: bool) -> Self {
        if something_failed { Self::Failure } else { Self::Success }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Stopped(signal) => signal.exit_code(),
        })
    }
}

use std::process::ExitCode;

use crate::signals::Signal;

/// Exit status of the process. Clap itself exits with 2 for most usage errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Success,
    /// An event was malformed, rejected or not delivered.
    Failure,
    /// The arguments are invalid.
    Usage,
    /// A signal stopped the command before its work was done.
    Stopped(Signal),
}

impl Exit {
    pub(crate) fn failure_if(has_failed: bool) -> Self {
        if has_failed { Self::Failure } else { Self::Success }
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

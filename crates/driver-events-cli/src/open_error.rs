use std::fmt;

use driver_events::SetupErrorKind;

use crate::exit::Exit;
use crate::report::with_causes;

/// Error of opening an input or a target, with the exit status that it causes.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct OpenError {
    reason: String,
    pub(crate) exit: Exit,
}

impl OpenError {
    /// Creates an error that is no usage error.
    pub(crate) fn failed(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            exit: Exit::Failure,
        }
    }

    /// Creates the error of a file that cannot be opened.
    pub(crate) fn of_file(name: impl fmt::Display, error: &std::io::Error) -> Self {
        Self::failed(format!("cannot open `{name}`: {}", with_causes(error)))
    }
}

impl From<driver_events::OpenError> for OpenError {
    fn from(error: driver_events::OpenError) -> Self {
        Self {
            reason: with_causes(&error),
            exit: match error.kind() {
                SetupErrorKind::Invalid => Exit::Usage,
                _ => Exit::Failure,
            },
        }
    }
}

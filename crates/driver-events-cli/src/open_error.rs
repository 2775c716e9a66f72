use std::fmt;

use driver_events_core::{SetupError, SetupErrorKind};

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
    pub(crate) fn failed(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            exit: Exit::Failure,
        }
    }

    /// Creates an error for invalid arguments.
    pub(crate) fn usage(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            exit: Exit::Usage,
        }
    }

    /// Prepends the name of the file or URL.
    pub(crate) fn with_name(self, name: impl fmt::Display) -> Self {
        Self {
            reason: format!("cannot open `{name}`: {}", self.reason),
            ..self
        }
    }
}

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        Self::failed(with_causes(&error))
    }
}

impl From<SetupError> for OpenError {
    fn from(error: SetupError) -> Self {
        let reason = with_causes(&error);
        match error.kind() {
            SetupErrorKind::Invalid => Self::usage(reason),
            _ => Self::failed(reason),
        }
    }
}

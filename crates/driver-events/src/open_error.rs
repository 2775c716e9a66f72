use std::error::Error;
use std::fmt;

use driver_events_core::{SetupError, SetupErrorKind, redacted_url};

use crate::url::UrlError;

/// Error of opening the sink or source of a URL.
///
/// Match on [`kind`](Self::kind) to decide what to do. `Display` names the URL and the reason; [`source`](Error::source) is
/// the underlying error. Neither contains secrets.
// By hand: the source is that of the setup error, whose own text is part of `Display`.
#[derive(Debug)]
pub struct OpenError {
    url: String,
    error: SetupError,
}

impl OpenError {
    pub(crate) fn new(url: impl Into<String>, error: SetupError) -> Self {
        Self { url: url.into(), error }
    }

    pub(crate) fn invalid_url(url: &str, error: UrlError) -> Self {
        // A parameter that does not exist may have been meant as a secret.
        let url = url.split('?').next().unwrap_or_default();
        Self::new(redacted_url(url), SetupError::invalid(error.to_string()))
    }

    /// Returns the URL without user and password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the category of the error.
    #[must_use]
    pub fn kind(&self) -> SetupErrorKind {
        self.error.kind()
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot open `{}`: {}", self.url, self.error)
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

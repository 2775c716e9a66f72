use std::ffi::{OsStr, OsString};

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};
use driver_events::redacted_url;

/// Parser of an argument that may contain a secret.
///
/// Clap's parsers quote an invalid value in the error. This one shows what `redact` leaves of it.
#[derive(Clone)]
pub(crate) struct RedactingParser<T> {
    parse: fn(&OsStr) -> Result<T, String>,
    redact: fn(&OsStr) -> String,
}

impl<T> RedactingParser<T> {
    /// Creates a parser of URLs.
    pub(crate) fn of_url(parse: fn(&OsStr) -> Result<T, String>) -> Self {
        let redact = |url: &OsStr| match url.to_string_lossy().split_once('?') {
            // The URL of a target is percent-encoded, and its password with it.
            Some((spool, _)) if spool.starts_with("spool:") => format!("{spool}?.."),
            _ => redacted_url(&url.to_string_lossy()).into_owned(),
        };
        Self { parse, redact }
    }

    /// Creates a parser of `KEY=VALUE`, of which an error shows nothing.
    #[cfg(feature = "kafka")]
    pub(crate) fn of_property(parse: fn(&OsStr) -> Result<T, String>) -> Self {
        let redact = |_: &OsStr| "..".to_owned();
        Self { parse, redact }
    }
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for RedactingParser<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        (self.parse)(value).map_err(|error| {
            let argument = argument.map(ToString::to_string).unwrap_or_default();
            let message = format!("invalid value '{}' for '{argument}': {error}", (self.redact)(value));
            Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })
    }

    fn parse(&self, command: &Command, argument: Option<&Arg>, value: OsString) -> Result<T, Error> {
        self.parse_ref(command, argument, &value)
    }
}

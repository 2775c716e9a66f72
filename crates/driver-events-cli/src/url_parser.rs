use std::ffi::{OsStr, OsString};

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};
use driver_events_core::redacted_url;

use crate::url::UrlError;

/// Parser of a URL argument.
///
/// Clap's parsers quote an invalid value in the error, including its password. This one redacts it.
#[derive(Clone)]
pub(crate) struct UrlParser<T> {
    parse: fn(&OsStr) -> Result<T, UrlError>,
}

impl<T> UrlParser<T> {
    pub(crate) fn new(parse: fn(&OsStr) -> Result<T, UrlError>) -> Self {
        Self { parse }
    }
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for UrlParser<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        (self.parse)(value).map_err(|error| {
            let argument = argument.map(ToString::to_string).unwrap_or_default();
            let message = format!("invalid value '{}' for '{argument}': {error}", redacted(value));
            Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })
    }

    fn parse(&self, command: &Command, argument: Option<&Arg>, value: OsString) -> Result<T, Error> {
        self.parse_ref(command, argument, &value)
    }
}

/// Returns the URL without user and password. A `file:` URL is unchanged: its path contains no credentials.
pub(crate) fn redacted(url: &OsStr) -> String {
    let url = url.to_string_lossy();
    let scheme = url.split(':').next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case("file") {
        return url.into_owned();
    }
    redacted_url(&url).into_owned()
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn paths_of_files_are_not_redacted() {
        for (url, expected) in [
            ("file:///home/ada@h/events", "file:///home/ada@h/events"),
            ("nats://ada:s3cret@h:4222?bare", "nats://..@h:4222?bare"),
        ] {
            assert_eq!(redacted(url.as_ref()), expected);
        }
    }
}

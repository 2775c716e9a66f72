use std::ffi::{OsStr, OsString};

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};

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

/// Returns the URL without user and password, even if the URL is invalid: everything before the last `@` is removed.
pub(crate) fn redacted(url: &OsStr) -> String {
    let url = url.to_string_lossy();
    let scheme = url.split(':').next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case("file") {
        // A path contains no credentials.
        return url.into_owned();
    }
    let Some((before, after)) = url.rsplit_once('@') else {
        return url.into_owned();
    };
    let scheme = before.split_once("://").map(|(scheme, _)| format!("{scheme}://"));
    format!("{}..@{after}", scheme.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn users_and_passwords_are_redacted() {
        for (url, expected) in [
            ("nats://ada:s3cret@h:4222?bare", "nats://..@h:4222?bare"),
            ("nats://ada:s3@cret@h,i", "nats://..@h,i"),
            ("jetstream://s3cret@h/DRIVER", "jetstream://..@h/DRIVER"),
            ("ada:s3cret@h", "..@h"),
            ("nats://h:4222", "nats://h:4222"),
            ("file:///home/ada@h/events", "file:///home/ada@h/events"),
        ] {
            assert_eq!(redacted(url.as_ref()), expected);
        }
    }
}

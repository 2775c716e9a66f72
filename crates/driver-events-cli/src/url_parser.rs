use std::ffi::{OsStr, OsString};

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};

use crate::url::UrlError;

/// Reads a URL of the command line by `parse`.
///
/// The parsers of clap repeat the value when it is wrong, also where a password stands in it. This one does not.
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
            let message = format!("invalid value '{}' for '{argument}': {error}", shown(value));
            Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })
    }

    fn parse(&self, command: &Command, argument: Option<&Arg>, value: OsString) -> Result<T, Error> {
        self.parse_ref(command, argument, &value)
    }
}

/// The URL as people may see it: without what stands before an `@`, where that may be a user with a password, however
/// the URL is broken.
pub(crate) fn shown(url: &OsStr) -> String {
    let url = url.to_string_lossy();
    let scheme = url.split(':').next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case("file") {
        // Paths have no users.
        return url.into_owned();
    }
    let Some((before, behind)) = url.rsplit_once('@') else {
        return url.into_owned();
    };
    let scheme = before.split_once("://").map(|(scheme, _)| format!("{scheme}://"));
    format!("{}..@{behind}", scheme.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn users_and_passwords_are_not_shown() {
        for (url, expected) in [
            ("nats://ada:s3cret@h:4222?bare", "nats://..@h:4222?bare"),
            ("nats://ada:s3@cret@h,i", "nats://..@h,i"),
            ("jetstream://s3cret@h/DRIVER", "jetstream://..@h/DRIVER"),
            ("ada:s3cret@h", "..@h"),
            ("nats://h:4222", "nats://h:4222"),
            ("file:///home/ada@h/events", "file:///home/ada@h/events"),
        ] {
            assert_eq!(shown(url.as_ref()), expected);
        }
    }
}

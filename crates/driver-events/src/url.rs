use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Parameter that a URL may have several times.
const REPEATED: &str = "to";

/// Components of a URL such as `file:PATH?KEY=VALUE&KEY=VALUE`.
///
/// Works on bytes, as paths of files need not be UTF-8.
pub(crate) struct Url<'a> {
    /// Lower case.
    pub(crate) scheme: String,
    /// Not percent-decoded.
    pub(crate) path: &'a [u8],
    /// Keys and values; `None` for a key without `=`.
    pub(crate) parameters: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Url<'a> {
    pub(crate) fn parse(text: &'a OsStr) -> Result<Self, UrlError> {
        let bytes = text.as_encoded_bytes();
        let (scheme, rest) = split(bytes, b':');
        let scheme = std::str::from_utf8(scheme).unwrap_or_default().to_ascii_lowercase();
        // Other text before a colon may be a user and a password, so the error does not quote it.
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        let rest = rest.filter(|_| is_scheme);
        let (path, query) = split(
            rest.ok_or_else(|| UrlError::new("missing scheme, such as `file:`"))?,
            b'?',
        );
        let parameters = match query {
            Some(query) => parameters(query)?,
            None => Vec::new(),
        };
        Ok(Self {
            scheme,
            path,
            parameters,
        })
    }

    /// Passes each parameter to `take`, which returns `false` for an unknown key. `expected` lists the known keys.
    pub(crate) fn take_parameters(
        &self,
        expected: &str,
        mut take: impl FnMut(&str, Option<&str>) -> Result<bool, UrlError>,
    ) -> Result<(), UrlError> {
        for (key, value) in &self.parameters {
            if !take(key, *value)? {
                return Err(UrlError::new(format!("unknown parameter `{key}`: expected {expected}")));
            }
        }
        Ok(())
    }

    /// Returns the path of a `file:` URL: `file:relative`, `file:/absolute`, `file:///absolute` or `file://localhost/absolute`.
    pub(crate) fn file_path(&self) -> Result<PathBuf, UrlError> {
        let path = match self.path.strip_prefix(b"//") {
            Some(with_host) => with_host
                .strip_prefix(b"localhost")
                .unwrap_or(with_host)
                .starts_with(b"/")
                .then(|| with_host.strip_prefix(b"localhost").unwrap_or(with_host))
                .ok_or_else(|| UrlError::new("cannot access a file on another host"))?,
            None => self.path,
        };
        if path.is_empty() {
            return Err(UrlError::new("missing path"));
        }
        let path = percent_decode(path)?;
        if path.contains(&0) {
            return Err(UrlError::new("path contains a NUL byte"));
        }
        path_from(path)
    }
}

/// Error of parsing a URL. `Display` says what is wrong. It contains neither the URL nor secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UrlError(String);

impl UrlError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// Returns the value of a parameter that must have one.
    pub(crate) fn required_value<'a>(key: &str, value: Option<&'a str>) -> Result<&'a str, Self> {
        value
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Self::new(format!("missing value for parameter `{key}`")))
    }

    /// Returns the percent-decoded value of a parameter.
    #[cfg(feature = "spool")]
    pub(crate) fn decoded(key: &str, value: Option<&str>) -> Result<String, Self> {
        let bytes = percent_decode(Self::required_value(key, value)?.as_bytes())?;
        String::from_utf8(bytes).map_err(|_| Self::new(format!("`{key}` is not valid UTF-8")))
    }

    /// Parses a parameter with `FromStr`.
    pub(crate) fn parsed<T: FromStr<Err: fmt::Display>>(key: &str, value: Option<&str>) -> Result<T, Self> {
        let value = Self::required_value(key, value)?;
        value.parse().map_err(|error| Self::new(format!("`{key}`: {error}")))
    }

    /// Parses a boolean parameter. A key without a value means `true`.
    #[cfg(any(feature = "nats", feature = "kafka", feature = "spool"))]
    pub(crate) fn boolean(key: &str, value: Option<&str>) -> Result<bool, Self> {
        let value = value.unwrap_or("true");
        value
            .parse()
            .map_err(|_| Self::new(format!("`{key}` must be `true` or `false`, not `{value}`")))
    }
}

/// Splits at the first `separator`.
fn split(bytes: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = bytes.splitn(2, |byte| *byte == separator);
    (parts.next().unwrap_or_default(), parts.next())
}

fn parameters(query: &[u8]) -> Result<Vec<(&str, Option<&str>)>, UrlError> {
    let query = std::str::from_utf8(query).map_err(|_| UrlError::new("invalid UTF-8 after the `?`"))?;
    if query.contains('@') {
        // The text may be part of a password, so the error does not quote it.
        return Err(UrlError::new(
            "unexpected `@` after the `?`: write `?` in a password as %3F",
        ));
    }
    let mut parameters: Vec<(&str, Option<&str>)> = Vec::new();
    for parameter in query.split('&') {
        let (key, value) = match parameter.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (parameter, None),
        };
        let may_repeat = key == REPEATED;
        if !may_repeat && parameters.iter().any(|(known, _)| *known == key) {
            return Err(UrlError::new(format!("duplicate parameter `{key}`")));
        }
        parameters.push((key, value));
    }
    Ok(parameters)
}

fn percent_decode(text: &[u8]) -> Result<Vec<u8>, UrlError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let [high, low, tail @ ..] = tail else {
                return Err(bad_escape());
            };
            decoded.push(hex_digit(*high)? * 16 + hex_digit(*low)?);
            rest = tail;
        } else {
            decoded.push(*first);
            rest = tail;
        }
    }
    Ok(decoded)
}

fn hex_digit(digit: u8) -> Result<u8, UrlError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(bad_escape()),
    }
}

fn bad_escape() -> UrlError {
    UrlError::new("invalid percent-encoding: write `%` as %25")
}

#[cfg(unix)]
fn path_from(bytes: Vec<u8>) -> Result<PathBuf, UrlError> {
    use std::os::unix::ffi::OsStringExt;
    Ok(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path_from(bytes: Vec<u8>) -> Result<PathBuf, UrlError> {
    let text = String::from_utf8(bytes).map_err(|_| UrlError::new("path is not valid UTF-8"))?;
    Ok(text.into())
}

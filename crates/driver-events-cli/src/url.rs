use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

/// The parts of a URL such as `file:PATH?KEY=VALUE&KEY=VALUE`.
///
/// Paths of files need not be UTF-8, so this works on bytes.
pub(crate) struct Url<'a> {
    /// In lower case.
    pub(crate) scheme: String,
    /// As it was written.
    pub(crate) path: &'a [u8],
    /// A value is none where the key stands alone.
    pub(crate) parameters: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Url<'a> {
    pub(crate) fn parse(text: &'a OsStr) -> Result<Self, UrlError> {
        let bytes = text.as_encoded_bytes();
        let (scheme, rest) = split(bytes, b':');
        let scheme = std::str::from_utf8(scheme).unwrap_or_default().to_ascii_lowercase();
        let (path, query) = split(
            rest.ok_or_else(|| UrlError::new("it has no scheme, such as `file:`"))?,
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

    /// Gives every parameter to `take`, which is false for one that it does not know; `known` tells of those that it does.
    pub(crate) fn take_parameters(
        &self,
        known: &str,
        mut take: impl FnMut(&str, Option<&str>) -> Result<bool, UrlError>,
    ) -> Result<(), UrlError> {
        for (key, value) in &self.parameters {
            if !take(key, *value)? {
                return Err(UrlError::new(format!("there is no parameter `{key}`, {known}")));
            }
        }
        Ok(())
    }

    /// The path of a `file:` URL: `file:relative`, `file:/absolute`, `file:///absolute` or `file://localhost/absolute`.
    pub(crate) fn file_path(&self) -> Result<PathBuf, UrlError> {
        let path = match self.path.strip_prefix(b"//") {
            Some(with_host) => with_host
                .strip_prefix(b"localhost")
                .unwrap_or(with_host)
                .starts_with(b"/")
                .then(|| with_host.strip_prefix(b"localhost").unwrap_or(with_host))
                .ok_or_else(|| UrlError::new("a file on another host cannot be reached"))?,
            None => self.path,
        };
        if path.is_empty() {
            return Err(UrlError::new("it has no path"));
        }
        let path = percent_decode(path)?;
        if path.contains(&0) {
            return Err(UrlError::new("no path has a NUL in it"));
        }
        path_from(path)
    }
}

/// What is wrong with a URL. What may be a secret is not told.
#[derive(Debug)]
pub(crate) struct UrlError(String);

impl UrlError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// The value that a parameter must have.
    pub(crate) fn needs_value<'a>(key: &str, value: Option<&'a str>) -> Result<&'a str, Self> {
        value
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Self::new(format!("the parameter `{key}` has no value")))
    }

    /// The value of a parameter that is on or off. One that stands alone is on.
    pub(crate) fn boolean(key: &str, value: Option<&str>) -> Result<bool, Self> {
        let value = value.unwrap_or("true");
        value
            .parse()
            .map_err(|_| Self::new(format!("`{key}` is `true` or `false`, and not `{value}`")))
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for UrlError {}

/// What stands before the first `separator`, and what behind it.
fn split(bytes: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = bytes.splitn(2, |byte| *byte == separator);
    (parts.next().unwrap_or_default(), parts.next())
}

fn parameters(query: &[u8]) -> Result<Vec<(&str, Option<&str>)>, UrlError> {
    let query = std::str::from_utf8(query).map_err(|_| UrlError::new("what follows the `?` is no UTF-8"))?;
    if query.contains('@') {
        // It may be the rest of a password, which is not to be told.
        return Err(UrlError::new(
            "an `@` stands behind the `?`; in a password `?` is written %3F",
        ));
    }
    let mut parameters: Vec<(&str, Option<&str>)> = Vec::new();
    for parameter in query.split('&') {
        let (key, value) = match parameter.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (parameter, None),
        };
        if parameters.iter().any(|(known, _)| *known == key) {
            return Err(UrlError::new(format!("the parameter `{key}` stands twice")));
        }
        parameters.push((key, value));
    }
    Ok(parameters)
}

fn percent_decode(text: &[u8]) -> Result<Vec<u8>, UrlError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        if *first == b'%' {
            let [high, low, behind @ ..] = behind else {
                return Err(bad_escape());
            };
            decoded.push(hex_digit(*high)? * 16 + hex_digit(*low)?);
            rest = behind;
        } else {
            decoded.push(*first);
            rest = behind;
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
    UrlError::new("a `%` stands without two hexadecimal digits; `%` itself is written %25")
}

#[cfg(unix)]
fn path_from(bytes: Vec<u8>) -> Result<PathBuf, UrlError> {
    use std::os::unix::ffi::OsStringExt;
    Ok(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path_from(bytes: Vec<u8>) -> Result<PathBuf, UrlError> {
    let text = String::from_utf8(bytes).map_err(|_| UrlError::new("its path is no UTF-8"))?;
    Ok(text.into())
}

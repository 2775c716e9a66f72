use driver_events_nats::NatsOptions;

use crate::url::{Url, UrlError};

/// The servers of a `nats://`, `tls://` or `jetstream://` URL, and what they all take.
#[derive(Clone)]
pub(crate) struct NatsAddress {
    /// Each as a URL of its own, with the user where the URL has one.
    servers: Vec<String>,
    tls: bool,
    pub(crate) prefix: Option<String>,
    pub(crate) bare: bool,
}

impl NatsAddress {
    /// Reads `//[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]` and what stands behind the `/`, which is given back.
    pub(crate) fn parse<'a>(url: &Url<'a>) -> Result<(Self, &'a str), UrlError> {
        let no_host = || UrlError::new(format!("it names no host: {}://HOST:PORT", url.scheme));
        let text = std::str::from_utf8(url.path).map_err(|_| UrlError::new("it is no UTF-8"))?;
        let rest = text.strip_prefix("//").ok_or_else(no_host)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        if hosts.split(',').any(str::is_empty) {
            return Err(no_host());
        }
        let address = Self {
            servers: hosts.split(',').map(|host| format!("nats://{user}{host}")).collect(),
            tls: url.scheme == "tls",
            prefix: None,
            bare: false,
        };
        Ok((address, path))
    }

    /// Takes a parameter that all of these URLs have. False for one that is another's.
    pub(crate) fn take(&mut self, key: &str, value: &str) -> Result<bool, UrlError> {
        match key {
            "prefix" => self.prefix = Some(value.to_owned()),
            "bare" => self.bare = boolean(key, value)?,
            "tls" => self.tls = boolean(key, value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether the URL says who connects.
    pub(crate) fn has_user(&self) -> bool {
        self.servers.iter().any(|server| server.contains('@'))
    }

    /// The connection, without what the credentials say.
    pub(crate) fn options(&self) -> NatsOptions {
        let mut servers = self.servers.iter();
        let first = servers.next().map(String::as_str).unwrap_or_default();
        let options = NatsOptions::new(first).name("driver-events");
        let options = servers.fold(options, |options, server| options.server(server));
        if self.tls { options.require_tls() } else { options }
    }
}

/// Shows no user: it may be a secret.
impl std::fmt::Debug for NatsAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsAddress").finish_non_exhaustive()
    }
}

fn boolean(key: &str, value: &str) -> Result<bool, UrlError> {
    value
        .parse()
        .map_err(|_| UrlError::new(format!("`{key}` is `true` or `false`, and not `{value}`")))
}

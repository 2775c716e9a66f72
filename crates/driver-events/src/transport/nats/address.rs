use driver_events_nats::NatsOptions;

use crate::url::{Url, UrlError};

/// Servers and common parameters of a `nats://`, `tls://` or `jetstream://` URL.
#[derive(Clone)]
pub(super) struct NatsAddress {
    /// One URL per server, each with the credentials of the parsed URL.
    servers: Vec<String>,
    tls: bool,
    /// Prefix of reply subjects.
    inbox: Option<String>,
    pub(super) prefix: Option<String>,
    pub(super) bare: bool,
}

impl NatsAddress {
    /// Parses `//[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]`. Returns the path after the `/` as well.
    pub(super) fn parse<'a>(url: &Url<'a>) -> Result<(Self, &'a str), UrlError> {
        let no_host = || UrlError::new(format!("missing host: write {}://HOST:PORT", url.scheme));
        let text = std::str::from_utf8(url.path).map_err(|_| UrlError::new("not valid UTF-8"))?;
        let rest = text.strip_prefix("//").ok_or_else(no_host)?;
        // A password that is not percent-encoded may contain `@` and `/`.
        let (user, tail) = rest.split_at(rest.rfind('@').map_or(0, |at| at + 1));
        let (hosts, path) = tail.split_once('/').unwrap_or((tail, ""));
        if hosts.split(',').any(str::is_empty) {
            return Err(no_host());
        }
        let address = Self {
            servers: hosts.split(',').map(|host| format!("nats://{user}{host}")).collect(),
            tls: url.scheme == "tls",
            inbox: None,
            prefix: None,
            bare: false,
        };
        Ok((address, path))
    }

    /// Sets a common parameter. Returns `false` for another one.
    pub(super) fn set_parameter(&mut self, key: &str, value: Option<&str>) -> Result<bool, UrlError> {
        match key {
            "prefix" => self.prefix = Some(UrlError::required_value(key, value)?.to_owned()),
            "inbox" => self.inbox = Some(UrlError::required_value(key, value)?.to_owned()),
            "bare" => self.bare = UrlError::boolean(key, value)?,
            "tls" => match UrlError::boolean(key, value)? {
                false if self.tls => return Err(UrlError::new("parameter `tls` conflicts with the scheme `tls:`")),
                tls => self.tls = tls,
            },
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Returns whether the URL contains credentials.
    pub(super) fn has_credentials(&self) -> bool {
        self.servers.iter().any(|server| server.contains('@'))
    }

    /// Returns the connection options with the credentials of the URL only.
    pub(super) fn options(&self) -> NatsOptions {
        let mut servers = self.servers.iter();
        let first = servers.next().map(String::as_str).unwrap_or_default();
        let options = NatsOptions::new(first).name("driver-events");
        let options = servers.fold(options, |options, server| options.server(server));
        let options = match &self.inbox {
            Some(prefix) => options.inbox_prefix(prefix),
            None => options,
        };
        if self.tls { options.require_tls() } else { options }
    }
}

/// Omits the servers, whose URLs may contain a password.
impl std::fmt::Debug for NatsAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsAddress").finish_non_exhaustive()
    }
}

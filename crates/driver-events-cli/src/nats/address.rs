use driver_events_nats::NatsOptions;

use crate::url::{Url, UrlError};

/// The servers of a `nats://`, `tls://` or `jetstream://` URL, and what they all take.
#[derive(Clone)]
pub(crate) struct NatsAddress {
    /// Each as a URL of its own, with the user where the URL has one.
    servers: Vec<String>,
    tls: bool,
    /// What the subjects of answers begin with.
    inbox: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) bare: bool,
}

impl NatsAddress {
    /// Reads `//[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]` and what stands behind the `/`, which is given back.
    pub(crate) fn parse<'a>(url: &Url<'a>) -> Result<(Self, &'a str), UrlError> {
        let no_host = || UrlError::new(format!("it names no host: {}://HOST:PORT", url.scheme));
        let text = std::str::from_utf8(url.path).map_err(|_| UrlError::new("it is no UTF-8"))?;
        let rest = text.strip_prefix("//").ok_or_else(no_host)?;
        // A password should be percent-encoded, and is not always: it may have an `@` and a `/` in it.
        let (user, behind) = rest.split_at(rest.rfind('@').map_or(0, |at| at + 1));
        let (hosts, path) = behind.split_once('/').unwrap_or((behind, ""));
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

    /// Takes a parameter that all of these URLs have. False for one that is another's.
    pub(crate) fn take(&mut self, key: &str, value: Option<&str>) -> Result<bool, UrlError> {
        match key {
            "prefix" => self.prefix = Some(UrlError::needs_value(key, value)?.to_owned()),
            "inbox" => self.inbox = Some(UrlError::needs_value(key, value)?.to_owned()),
            "bare" => self.bare = UrlError::boolean(key, value)?,
            "tls" => self.tls = UrlError::boolean(key, value)?,
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
        let options = match &self.inbox {
            Some(prefix) => options.inbox_prefix(prefix),
            None => options,
        };
        if self.tls { options.require_tls() } else { options }
    }
}

/// Shows no user: it may be a secret.
impl std::fmt::Debug for NatsAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsAddress").finish_non_exhaustive()
    }
}

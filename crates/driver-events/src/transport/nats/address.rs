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
    /// Parses `//[USER:PASSWORD@]HOST[:PORT][,…]`, where each further server may be a host, a host with its user, or a URL:
    /// `nats://h1,nats://h2`. Returns the path after the `/` as well.
    pub(super) fn parse<'a>(url: &Url<'a>) -> Result<(Self, &'a str), UrlError> {
        let no_host = || UrlError::new(format!("missing host: write {}://HOST:PORT", url.scheme));
        let text = std::str::from_utf8(url.path).map_err(|_| UrlError::new("not valid UTF-8"))?;
        let rest = text.strip_prefix("//").ok_or_else(no_host)?;
        // A password that is not percent-encoded may contain `@`, `/` and `,`.
        let start_of_last = last_server(rest, &url.scheme);
        let (earlier, last) = rest.split_at(start_of_last);
        let (scheme_of_last, last) = without_scheme(last, &url.scheme);
        let hosts_of_last = last.rfind('@').map_or(0, |at| at + 1);
        let path_at = last.get(hosts_of_last..).and_then(|hosts| hosts.find('/'));
        let (last, path) = match path_at.map(|at| last.split_at(hosts_of_last + at)) {
            Some((last, path)) => (last, path.strip_prefix('/').unwrap_or(path)),
            None => (last, ""),
        };
        let mut tls = url.scheme == "tls" || scheme_of_last == "tls";
        let mut servers = Vec::new();
        let earlier = split_servers(earlier, &url.scheme);
        let earlier = earlier.into_iter().map(|server| without_scheme(server, &url.scheme));
        for (scheme, server) in earlier.chain([("", last)]) {
            tls |= scheme == "tls";
            let server = server.strip_suffix('/').unwrap_or(server);
            let (user, hosts) = server.split_at(server.rfind('@').map_or(0, |at| at + 1));
            if hosts.split(',').any(str::is_empty) {
                return Err(no_host());
            }
            servers.extend(hosts.split(',').map(|host| format!("nats://{user}{host}")));
        }
        let address = Self {
            servers,
            tls,
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

/// Returns where the last server of a list starts: behind the last comma that precedes another URL, or another user.
fn last_server(list: &str, scheme: &str) -> usize {
    let mut starts = list.match_indices(',').map(|(comma, _)| comma + 1);
    starts.rfind(|start| starts_server(list, *start, scheme)).unwrap_or(0)
}

/// Returns whether a server with its own scheme or user starts here, and not a part of a password.
fn starts_server(list: &str, start: usize, scheme: &str) -> bool {
    let (before, after) = list.split_at(start);
    let has_scheme = !without_scheme(after, scheme).0.is_empty();
    let piece_before = before.trim_end_matches(',').rsplit(',').next().unwrap_or(before);
    let piece = after.split(',').next().unwrap_or(after);
    has_scheme || (piece_before.contains('@') && piece.contains('@'))
}

/// Returns the scheme of a server in a list, empty without one, and the rest.
fn without_scheme<'a, 'b>(server: &'a str, scheme: &'b str) -> (&'b str, &'a str) {
    let schemes = [scheme, "nats", "tls"];
    let split = schemes.into_iter().find_map(|scheme| {
        let rest = server.strip_prefix(scheme)?.strip_prefix("://")?;
        Some((scheme, rest))
    });
    split.unwrap_or(("", server))
}

/// Splits the servers before the last one.
fn split_servers<'a>(list: &'a str, scheme: &str) -> Vec<&'a str> {
    let mut servers = Vec::new();
    let mut start = 0;
    for (comma, _) in list.match_indices(',') {
        let is_end = comma + 1 == list.len();
        if is_end || starts_server(list, comma + 1, scheme) {
            servers.extend(list.get(start..comma));
            start = comma + 1;
        }
    }
    servers
}

/// Omits the servers, whose URLs may contain a password.
impl std::fmt::Debug for NatsAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsAddress").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::NatsAddress;
    use crate::url::Url;

    #[test]
    fn lists_of_servers_are_parsed() {
        for (url, servers, path) in [
            ("nats://h1,h2:4223", vec!["nats://h1", "nats://h2:4223"], ""),
            ("nats://h1,nats://h2", vec!["nats://h1", "nats://h2"], ""),
            ("nats://h1/,nats://h2/", vec!["nats://h1", "nats://h2"], ""),
            ("nats://a:p@h1,h2", vec!["nats://a:p@h1", "nats://a:p@h2"], ""),
            (
                "nats://a:p@h1,nats://a:p@h2",
                vec!["nats://a:p@h1", "nats://a:p@h2"],
                "",
            ),
            ("nats://a:p@h1,a:p@h2", vec!["nats://a:p@h1", "nats://a:p@h2"], ""),
            ("nats://a:p,w/x@y@h", vec!["nats://a:p,w/x@y@h"], ""),
            ("nats://a:@h", vec!["nats://a:@h"], ""),
            ("jetstream://h1,h2/S", vec!["nats://h1", "nats://h2"], "S"),
            (
                "jetstream://a:p@h1,jetstream://a:p@h2/S",
                vec!["nats://a:p@h1", "nats://a:p@h2"],
                "S",
            ),
            ("jetstream://h1,nats://h2/S", vec!["nats://h1", "nats://h2"], "S"),
        ] {
            let parsed = Url::parse(url.as_ref()).unwrap();
            let (address, found) = NatsAddress::parse(&parsed).unwrap();
            assert_eq!(
                (address.servers, found),
                (servers.into_iter().map(String::from).collect(), path),
                "{url}"
            );
            assert!(!address.tls);
        }
        for url in ["nats://h1,tls://h2", "tls://h1,h2"] {
            assert!(
                NatsAddress::parse(&Url::parse(url.as_ref()).unwrap()).unwrap().0.tls,
                "{url}"
            );
        }
        for url in [
            "nats://",
            "nats://h1,",
            "nats://,h1",
            "nats://h1,nats://",
            "nats://h1,,h2",
        ] {
            assert!(NatsAddress::parse(&Url::parse(url.as_ref()).unwrap()).is_err(), "{url}");
        }
    }
}

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use driver_events_core::redacted_url;

use super::credentials::Credentials;
use super::tls::Tls;

/// Options of a NATS connection: servers, credentials, TLS, reconnects.
///
/// Options are validated by [`connect`](Self::connect). `Debug` hides secrets.
///
/// ```no_run
/// use driver_events_nats::NatsOptions;
///
/// # async fn example() -> Result<(), driver_events_nats::SetupError> {
/// let connection = NatsOptions::new("tls://nats-1.example.com:4222")
///     .server("tls://nats-2.example.com:4222")
///     .credentials_file("/run/secrets/driver.creds")
///     .name("driver-17")
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct NatsOptions {
    pub(super) servers: Vec<String>,
    pub(super) credentials: Credentials,
    pub(super) tls: Tls,
    pub(super) name: Option<String>,
    pub(super) inbox_prefix: String,
    pub(super) connect_timeout: Duration,
    pub(super) is_in_background: bool,
    pub(super) reconnect_delay: (Duration, Duration),
    pub(super) max_attempts: Option<usize>,
    pub(super) ping_interval: Duration,
    pub(super) queue_capacity: usize,
}

impl NatsOptions {
    /// Creates options for one server: `nats://HOST:PORT`, or `tls://HOST:PORT` to require TLS. Default port: 4222.
    ///
    /// Credentials in the URL (`nats://USER:PASSWORD@HOST` or `nats://TOKEN@HOST`) are used if none are set on the
    /// options. They must be the same in all URLs.
    pub fn new(server: impl Into<String>) -> Self {
        Self {
            servers: vec![server.into()],
            credentials: Credentials::None,
            tls: Tls::default(),
            name: None,
            inbox_prefix: "_INBOX".to_owned(),
            connect_timeout: Duration::from_secs(5),
            is_in_background: false,
            reconnect_delay: (Duration::from_millis(50), Duration::from_secs(2)),
            max_attempts: None,
            ping_interval: Duration::from_secs(20),
            queue_capacity: 2_048,
        }
    }

    /// Adds a server of the same cluster. The client discovers further servers from the cluster.
    pub fn server(mut self, server: impl Into<String>) -> Self {
        self.servers.push(server.into());
        self
    }

    /// Authenticates with user name and password.
    pub fn user_and_password(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Credentials::UserAndPassword {
            user: user.into(),
            password: password.into(),
        };
        self
    }

    /// Authenticates with a token.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.credentials = Credentials::Token(token.into());
        self
    }

    /// Authenticates with an NKey. The seed (`SUA…`) signs the server's nonce and is never sent.
    pub fn nkey_seed(mut self, seed: impl Into<String>) -> Self {
        self.credentials = Credentials::NkeySeed(seed.into());
        self
    }

    /// Authenticates with a credentials file (user JWT and NKey seed), as written by `nsc`.
    ///
    /// The file is read again at every connect, so it can be replaced in place.
    pub fn credentials_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.credentials = Credentials::File(path.into());
        self
    }

    /// Requires TLS, even if the server does not. Default roots: those of the system.
    pub fn require_tls(mut self) -> Self {
        self.tls.is_required = true;
        self
    }

    /// Starts with the TLS handshake, for servers with `handshake_first`. Implies [`require_tls`](Self::require_tls).
    pub fn tls_first(mut self) -> Self {
        self.tls.is_first = true;
        self.tls.is_required = true;
        self
    }

    /// Trusts only the root certificates in a PEM file. Default: those of the system.
    pub fn root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.root_certificates = Some(path.into());
        self
    }

    /// Sets the client certificate and its private key, both PEM files.
    pub fn client_certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls.client_certificate = Some(certificate.into());
        self.tls.client_key = Some(key.into());
        self
    }

    /// Sets the connection name, shown by the server and in log messages. Default: none.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the prefix of inboxes (reply subjects), for users with narrow subscribe permissions. Default: `_INBOX`.
    pub fn inbox_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.inbox_prefix = prefix.into();
        self
    }

    /// Sets the timeout for connecting to one server. Default: 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Makes [`connect`](Self::connect) return at once and connects in the background, without a timeout, so that a driver
    /// starts while NATS is down.
    ///
    /// Until then messages wait in memory, [as after a lost connection](Self::queue_capacity). Wrong credentials fail the
    /// first calls after the server has rejected them.
    pub fn connect_in_background(mut self) -> Self {
        self.is_in_background = true;
        self
    }

    /// Sets the backoff between attempts to reconnect: `min` after the first failed attempt, doubled each time up to `max`,
    /// minus up to 30% jitter. The first attempt is made at once. Default: 50 ms and 2 s.
    pub fn reconnect_delay(mut self, min: Duration, max: Duration) -> Self {
        self.reconnect_delay = (min, max);
        self
    }

    /// Sets the maximum number of failed attempts in a row, over all servers, before the connection closes for good. Applies
    /// to the first connect too. Default: unlimited.
    pub fn max_attempts(mut self, attempts: usize) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// Sets the interval of pings on an idle connection. A dead connection is detected after three intervals. Default:
    /// 20 s.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// Sets how many messages wait in memory while the connection is down or slow. Default: 2,048.
    pub fn queue_capacity(mut self, messages: usize) -> Self {
        self.queue_capacity = messages;
        self
    }
}

/// Hides secrets, including those in URLs.
impl fmt::Debug for NatsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self.servers.iter().map(|server| redacted_url(server)).collect();
        f.debug_struct("NatsOptions")
            .field("servers", &servers)
            .field("credentials", &self.credentials)
            .field("tls", &self.tls)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::NatsOptions;

    #[test]
    fn debug_hides_secrets() {
        let options = NatsOptions::new("nats://ada:s3cret@h").server("s3cret@i");
        let all = [
            options.clone(),
            options.clone().user_and_password("ada", "s3cret"),
            options.clone().token("s3cret"),
            options.nkey_seed("s3cret"),
        ];
        let shown = format!("{all:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("nats://..@h"), "{shown}");
    }
}

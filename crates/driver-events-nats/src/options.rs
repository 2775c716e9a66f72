use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::{ConnectOptions, ServerAddr};

use crate::connection_state::ConnectionState;
use crate::credentials::Credentials;
use crate::servers;
use crate::subject::is_publishable;
use crate::tls::Tls;
use crate::{NatsConnection, SetupError, SetupErrorKind};

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
    servers: Vec<String>,
    credentials: Credentials,
    tls: Tls,
    name: Option<String>,
    inbox_prefix: String,
    connect_timeout: Duration,
    is_in_background: bool,
    reconnect_delay: (Duration, Duration),
    max_attempts: Option<usize>,
    ping_interval: Duration,
    queue_capacity: usize,
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

    /// Validates the options and connects. Logs the events of the connection with `tracing`.
    ///
    /// Returns within [`connect_timeout`](Self::connect_timeout) × (number of servers + 1).
    ///
    /// # Errors
    /// - [`Invalid`](SetupErrorKind::Invalid): an option is invalid; correct it.
    /// - [`Unauthorized`](SetupErrorKind::Unauthorized): the server rejects the credentials.
    /// - [`Tls`](SetupErrorKind::Tls): the TLS handshake failed.
    /// - [`Unreachable`](SetupErrorKind::Unreachable): no server accepted the connection in time; retry.
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped call closes the connection that it was opening.
    pub async fn connect(self) -> Result<NatsConnection, SetupError> {
        let (servers, credentials_of_servers) = servers::parse(&self.servers)?;
        let credentials = match self.credentials {
            Credentials::None => credentials_of_servers,
            set => set,
        };
        if self.queue_capacity == 0 {
            return Err(SetupError::invalid("the queue capacity must be at least 1"));
        }
        let prefix = self.inbox_prefix;
        if !is_publishable(&prefix) {
            let message = format!("invalid inbox prefix `{prefix}`: it must be dot-separated tokens without wildcards");
            return Err(SetupError::invalid(message));
        }
        let state = ConnectionState::new(self.name.as_deref().unwrap_or_default(), &prefix);
        let mut options = credentials
            .into_options(&state)
            .await?
            .connection_timeout(self.connect_timeout)
            .reconnect_delay_callback(reconnect_delays(self.reconnect_delay))
            .max_reconnects(self.max_attempts)
            .ping_interval(self.ping_interval)
            .client_capacity(self.queue_capacity)
            .custom_inbox_prefix(prefix)
            .require_tls(self.tls.is_required)
            .event_callback({
                let state = state.clone();
                move |event| {
                    state.observe(event);
                    std::future::ready(())
                }
            })
            // Called before every attempt. Only the list of servers has the cause of a failed one.
            .reconnect_to_server_callback({
                let state = state.clone();
                move |servers, _| {
                    state.observe_servers(&servers);
                    std::future::ready(None)
                }
            });
        if let Some(name) = self.name {
            options = options.name(name);
        }
        if self.tls.is_first {
            options = options.tls_first();
        }
        if self.is_in_background {
            options = options.retry_on_initial_connect();
        }
        options = options.tls_client_config(self.tls.client_config().await?);

        let timeout = total_timeout(self.connect_timeout, servers.len());
        let client = connect(options, servers, timeout).await?;
        Ok(NatsConnection::new(client, state))
    }
}

/// Hides secrets, including those in URLs.
impl fmt::Debug for NatsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self
            .servers
            .iter()
            .map(|server| servers::without_user(server))
            .collect();
        f.debug_struct("NatsOptions")
            .field("servers", &servers)
            .field("credentials", &self.credentials)
            .field("tls", &self.tls)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

async fn connect(
    options: ConnectOptions,
    servers: Vec<ServerAddr>,
    timeout: Duration,
) -> Result<async_nats::Client, SetupError> {
    use async_nats::ConnectErrorKind as Kind;

    let error = match tokio::time::timeout(timeout, options.connect(servers)).await {
        Ok(Ok(client)) => return Ok(client),
        Ok(Err(error)) => error,
        Err(elapsed) => {
            return Err(
                SetupError::new(SetupErrorKind::Unreachable, "no NATS server replied in time").with_source(elapsed),
            );
        }
    };
    let (kind, message) = match error.kind() {
        Kind::ServerParse => (SetupErrorKind::Invalid, "invalid NATS server"),
        Kind::Authentication | Kind::AuthorizationViolation => {
            (SetupErrorKind::Unauthorized, "the NATS server rejects the credentials")
        }
        _ if is_about_tls(&error) => (SetupErrorKind::Tls, "TLS handshake with NATS failed"),
        _ => (SetupErrorKind::Unreachable, "cannot connect to NATS"),
    };
    Err(SetupError::new(kind, message).with_source(error))
}

/// A failed handshake is an `io::Error` that wraps the error of rustls.
fn is_about_tls(error: &async_nats::ConnectError) -> bool {
    use std::error::Error;

    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<async_nats::rustls::Error>() {
            return true;
        }
        // `io::Error::source` skips the error that it wraps.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = wrapped.map(|error| error as _).or_else(|| error.source());
    }
    matches!(error.kind(), async_nats::ConnectErrorKind::Tls)
}

/// Adds the time of one attempt for DNS lookups, which have no timeout.
fn total_timeout(connect_timeout: Duration, servers: usize) -> Duration {
    let attempts = u32::try_from(servers).unwrap_or(u32::MAX).saturating_add(1);
    connect_timeout.saturating_mul(attempts)
}

fn reconnect_delays((min, max): (Duration, Duration)) -> impl Fn(usize) -> Duration + Send + Sync {
    move |attempt| {
        let Some(doublings) = attempt.checked_sub(2) else {
            return Duration::ZERO;
        };
        let factor = 2_u32.saturating_pow(u32::try_from(doublings).unwrap_or(u32::MAX));
        let delay = min.saturating_mul(factor).min(max);
        delay.mul_f64(1.0 - 0.3 * random_fraction())
    }
}

/// Returns a number from 0 to 1. Not cryptographically secure.
fn random_fraction() -> f64 {
    use std::hash::{BuildHasher, RandomState};

    let [first, second, ..] = RandomState::new().hash_one(0).to_ne_bytes();
    f64::from(u16::from_ne_bytes([first, second])) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{NatsOptions, reconnect_delays};

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

    #[test]
    fn the_reconnect_delay_doubles_up_to_its_maximum() {
        let delays = reconnect_delays((Duration::from_millis(100), Duration::from_secs(2)));
        assert_eq!(delays(0), Duration::ZERO);
        assert_eq!(delays(1), Duration::ZERO);
        for (attempt, max) in [(2, 100), (3, 200), (6, 1_600), (7, 2_000), (1_000_000, 2_000)] {
            let max = Duration::from_millis(max);
            let delay = delays(attempt);
            assert!(delay <= max && delay >= max.mul_f64(0.69), "{attempt}: {delay:?}");
        }
    }
}

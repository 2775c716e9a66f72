use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::{ConnectOptions, ServerAddr};
use tokio::time::timeout;

use crate::connection_state::ConnectionState;
use crate::credentials::Credentials;
use crate::servers;
use crate::subject::is_publishable;
use crate::tls::Tls;
use crate::{NatsConnection, SetupError, SetupErrorKind};

/// How to connect to NATS: the servers, who the client is, whom it trusts, and what it does when the link breaks.
///
/// Nothing is checked before [`connect`](Self::connect). `Debug` shows no secret.
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
    /// Connects to this server: `nats://HOST:PORT`, or `tls://…` where TLS must be used. Port 4222 where it is left out.
    ///
    /// The user and password of `nats://USER:PASSWORD@HOST`, or the token of `nats://TOKEN@HOST`, are used unless
    /// credentials are set; all servers must have the same.
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

    /// Adds a server of the same cluster. More servers are learnt from the one that is connected to.
    pub fn server(mut self, server: impl Into<String>) -> Self {
        self.servers.push(server.into());
        self
    }

    /// Presents a user's name and password.
    pub fn user_and_password(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Credentials::UserAndPassword {
            user: user.into(),
            password: password.into(),
        };
        self
    }

    /// Presents a token.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.credentials = Credentials::Token(token.into());
        self
    }

    /// Proves to have an NKey: the seed, as in `SUA…`, stays here, and signs what the server sends.
    pub fn nkey_seed(mut self, seed: impl Into<String>) -> Self {
        self.credentials = Credentials::NkeySeed(seed.into());
        self
    }

    /// Presents the user of a credentials file (a JWT and an NKey seed), as `nsc` writes it.
    ///
    /// The file is read again whenever a connection is made, so that it can be renewed in place.
    pub fn credentials_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.credentials = Credentials::File(path.into());
        self
    }

    /// Uses TLS, also where the server does not ask for it. Its certificate must be trusted by the system.
    pub fn require_tls(mut self) -> Self {
        self.tls.is_required = true;
        self
    }

    /// Begins with TLS, before the server has said anything, as servers with `handshake_first` want it.
    pub fn tls_first(mut self) -> Self {
        self.tls.is_first = true;
        self.tls.is_required = true;
        self
    }

    /// Trusts the authorities in this PEM file, and no others, instead of those of the system.
    pub fn root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.root_certificates = Some(path.into());
        self
    }

    /// Presents the certificate in this PEM file, with the private key in the other.
    pub fn client_certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls.client_certificate = Some(certificate.into());
        self.tls.client_key = Some(key.into());
        self
    }

    /// Names the connection, for those who look at the server or at events of `tracing`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What the subjects begin with on which answers come back, instead of `_INBOX`: where the client's permission to
    /// subscribe is narrower.
    pub fn inbox_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.inbox_prefix = prefix.into();
        self
    }

    /// How long one server has to answer. Begins as 5 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Lets [`connect`](Self::connect) return at once, and makes the connection in the background, for as long as it
    /// takes: a driver starts also while the broker is down.
    ///
    /// What is sent meanwhile waits in memory, [as when the link breaks](Self::queue_capacity). Whether the credentials
    /// are right is told by the first calls after the server has answered.
    pub fn connect_in_background(mut self) -> Self {
        self.is_in_background = true;
        self
    }

    /// How long to wait between attempts to connect again: `shortest` after the first that failed, twice as long after
    /// every other, up to `longest`; each a little shortened by chance, so that clients do not come all at once. The
    /// first attempt is made at once. Begins as 50 ms and 2 s.
    pub fn reconnect_delay(mut self, shortest: Duration, longest: Duration) -> Self {
        self.reconnect_delay = (shortest, longest);
        self
    }

    /// Gives up after so many attempts in a row, over all servers, when the connection is first made too; it is then
    /// closed for good. Begins as never.
    pub fn max_attempts(mut self, attempts: usize) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// How often a link on which nothing comes is tried: one that is dead is found after three times as long. Begins as
    /// 20 seconds.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval;
        self
    }

    /// How many messages wait in memory while the link is down or slow; more are not taken. Begins as 2,048.
    pub fn queue_capacity(mut self, messages: usize) -> Self {
        self.queue_capacity = messages;
        self
    }

    /// Connects, and tells what happens to the connection as events of `tracing`.
    ///
    /// Returns within the [time that one server has](Self::connect_timeout), times the number of servers and one.
    ///
    /// # Errors
    /// See [`SetupErrorKind`].
    ///
    /// # Cancel safety
    /// An attempt that is cancelled leaves nothing behind.
    pub async fn connect(self) -> Result<NatsConnection, SetupError> {
        let (servers, credentials_of_servers) = servers::parse(&self.servers)?;
        let credentials = match self.credentials {
            Credentials::None => credentials_of_servers,
            set => set,
        };
        if self.queue_capacity == 0 {
            return Err(SetupError::invalid("the queue must have room for one message"));
        }
        let prefix = self.inbox_prefix;
        if !is_publishable(&prefix) {
            let message = format!("the inbox prefix {prefix:?} must be tokens without wildcards, separated by dots");
            return Err(SetupError::invalid(message));
        }
        let state = ConnectionState::new(self.name.as_deref().unwrap_or_default(), &prefix);
        let mut options = credentials
            .begin_options(&state)
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

        let patience = attempts_patience(self.connect_timeout, servers.len());
        let client = connect(options, servers, patience).await?;
        Ok(NatsConnection::new(client, state))
    }
}

/// Shows no secret: not those of the servers' URLs either.
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
    patience: Duration,
) -> Result<async_nats::Client, SetupError> {
    use async_nats::ConnectErrorKind as Kind;

    let error = match timeout(patience, options.connect(servers)).await {
        Ok(Ok(client)) => return Ok(client),
        Ok(Err(error)) => error,
        Err(elapsed) => {
            return Err(
                SetupError::new(SetupErrorKind::Unreachable, "no NATS server answered in time").with_source(elapsed),
            );
        }
    };
    let (kind, message) = match error.kind() {
        Kind::ServerParse => (SetupErrorKind::Invalid, "a server cannot be used"),
        Kind::Authentication | Kind::AuthorizationViolation => {
            (SetupErrorKind::Unauthorized, "the NATS server refuses the credentials")
        }
        _ if is_about_tls(&error) => (SetupErrorKind::Tls, "no TLS connection to NATS could be made"),
        _ => (SetupErrorKind::Unreachable, "no NATS server could be connected to"),
    };
    Err(SetupError::new(kind, message).with_source(error))
}

/// A handshake that failed comes as an error of input and output.
fn is_about_tls(error: &async_nats::ConnectError) -> bool {
    use std::error::Error;

    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<async_nats::rustls::Error>() {
            return true;
        }
        // An `io::Error` shows the cause of what it wraps, not what it wraps.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = wrapped.map(|error| error as _).or_else(|| error.source());
    }
    matches!(error.kind(), async_nats::ConnectErrorKind::Tls)
}

/// Looking up the names of hosts has no limit of its own, so that one more attempt's time is given for it.
fn attempts_patience(connect_timeout: Duration, servers: usize) -> Duration {
    let attempts = u32::try_from(servers).unwrap_or(u32::MAX).saturating_add(1);
    connect_timeout.saturating_mul(attempts)
}

fn reconnect_delays((shortest, longest): (Duration, Duration)) -> impl Fn(usize) -> Duration + Send + Sync {
    move |attempt| {
        let Some(doublings) = attempt.checked_sub(2) else {
            return Duration::ZERO;
        };
        let factor = 2_u32.saturating_pow(u32::try_from(doublings).unwrap_or(u32::MAX));
        let delay = shortest.saturating_mul(factor).min(longest);
        delay.mul_f64(1.0 - 0.3 * random_fraction())
    }
}

/// A number from 0 to 1, of no use for secrets.
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
    fn options_show_no_secret() {
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
    fn attempts_come_at_once_and_then_ever_later() {
        let delays = reconnect_delays((Duration::from_millis(100), Duration::from_secs(2)));
        assert_eq!(delays(0), Duration::ZERO);
        assert_eq!(delays(1), Duration::ZERO);
        for (attempt, longest) in [(2, 100), (3, 200), (6, 1_600), (7, 2_000), (1_000_000, 2_000)] {
            let longest = Duration::from_millis(longest);
            let delay = delays(attempt);
            assert!(
                delay <= longest && delay >= longest.mul_f64(0.69),
                "{attempt}: {delay:?}"
            );
        }
    }
}

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, ServerAddr};
use driver_events_core::{SetupError, SetupErrorKind};
use tokio::sync::oneshot;

use super::credentials::Credentials;
use super::monitor::Monitor;
use super::nats_connection::NatsConnection;
use super::options::NatsOptions;
use super::revival::{ClientEnd, revive};
use super::servers;
use crate::timeouts::check_timeout;
use crate::wire::is_publishable;

impl NatsOptions {
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
        let monitor = Arc::new(Monitor::new(
            self.name.as_deref().unwrap_or_default(),
            &self.inbox_prefix,
        ));
        let (client, end) = self.open(&monitor).await?;
        let connection = NatsConnection::new(client, monitor);
        tokio::spawn(revive(connection.downgrade(), self, end));
        Ok(connection)
    }

    /// Validates the options and creates a client.
    pub(super) async fn open(&self, monitor: &Arc<Monitor>) -> Result<(Client, ClientEnd), SetupError> {
        let (servers, credentials_of_servers) = servers::parse(&self.servers)?;
        let credentials = match &self.credentials {
            Credentials::None => credentials_of_servers,
            set => set.clone(),
        };
        if self.queue_capacity == 0 {
            return Err(SetupError::invalid("the queue capacity must be at least 1"));
        }
        check_timeout("connect timeout", self.connect_timeout)?;
        check_timeout("ping interval", self.ping_interval)?;
        let prefix = &self.inbox_prefix;
        if !is_publishable(prefix) {
            let message = format!("invalid inbox prefix `{prefix}`: it must be dot-separated tokens without wildcards");
            return Err(SetupError::invalid(message));
        }
        let (alive, end) = oneshot::channel();
        let mut options = credentials
            .into_options(monitor)
            .await?
            .connection_timeout(self.connect_timeout)
            .reconnect_delay_callback(reconnect_delays(self.reconnect_delay))
            .max_reconnects(self.max_attempts)
            .ping_interval(self.ping_interval)
            .client_capacity(self.queue_capacity)
            .custom_inbox_prefix(prefix.clone())
            .require_tls(self.tls.is_required)
            .event_callback({
                let monitor = Arc::clone(monitor);
                move |event| {
                    // Dropped with this callback, which tells that the client has ended.
                    let _ = &alive;
                    monitor.observe(event);
                    std::future::ready(())
                }
            })
            // Called before every attempt. Only the list of servers has the cause of a failed one.
            .reconnect_to_server_callback({
                let monitor = Arc::clone(monitor);
                move |servers, _| {
                    monitor.observe_servers(&servers);
                    std::future::ready(None)
                }
            });
        if let Some(name) = &self.name {
            options = options.name(name);
        }
        if self.tls.is_first {
            options = options.tls_first();
        }
        if self.is_in_background {
            options = options.retry_on_initial_connect();
        }
        options = options.tls_client_config(self.tls.clone().client_config().await?);

        let timeout = total_timeout(self.connect_timeout, servers.len());
        let client = connect(options, servers, timeout).await?;
        Ok((client, end))
    }
}

async fn connect(options: ConnectOptions, servers: Vec<ServerAddr>, timeout: Duration) -> Result<Client, SetupError> {
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

    use super::reconnect_delays;

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

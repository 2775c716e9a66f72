//! State of a connection, as its event callback sees it: errors of the server, of authentication, of connecting.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_nats::{ClientError, ConnectErrorKind, Event, Server, ServerError};
use driver_events_core::SetupError;
use tokio::sync::watch;

use super::connect_failures::ConnectFailures;
use super::event_fence::EventFences;
use super::violations::Violations;
use crate::lock::lock;

/// Time for which an error of the server counts as the cause of a lost connection.
const CAUSE_WINDOW: Duration = Duration::from_secs(1);

/// Observes one connection.
#[derive(Debug)]
pub(crate) struct Monitor {
    status: watch::Sender<Status>,
    /// Name of the connection in log messages.
    name: String,
    /// Fast path: each send looks for refusals only after the server has reported one.
    has_refusals: AtomicBool,
    violations: Violations,
    failures: Mutex<ConnectFailures>,
    fences: EventFences,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    /// Last error of the server or the client. Kept after the connection has recovered.
    pub(super) last_error: Option<Arc<str>>,
    /// Why the server rejected the credentials at the last attempt to connect.
    pub(super) auth_error: Option<Arc<str>>,
    /// When the server reported its last error.
    server_error: Option<Instant>,
    /// Whether the client has failed, and its replacement is not created yet.
    pub(super) is_replacing: bool,
    /// Whether the connection is closed for good.
    pub(super) is_closed: bool,
}

impl Monitor {
    pub(super) fn new(name: &str, inbox_prefix: &str) -> Self {
        Self {
            status: watch::Sender::new(Status::default()),
            name: name.to_owned(),
            has_refusals: AtomicBool::new(false),
            violations: Violations::new(inbox_prefix),
            failures: Mutex::default(),
            fences: EventFences::default(),
        }
    }

    pub(super) fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.status.borrow().is_closed
    }

    /// Returns whether the client neither is closed nor has failed.
    pub(super) fn has_client(&self) -> bool {
        let status = self.status.borrow();
        !status.is_closed && !status.is_replacing
    }

    /// Records that the connection is closed for good.
    pub(super) fn close(&self) {
        self.status.send_modify(|status| status.is_closed = true);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    pub(super) fn fences(&self) -> &EventFences {
        &self.fences
    }

    pub(super) fn violations(&self) -> &Violations {
        &self.violations
    }

    /// Returns whether the server has ever rejected the credentials or denied a permission.
    pub(super) fn has_refusals(&self) -> bool {
        self.has_refusals.load(Ordering::Relaxed)
    }

    /// Records that the credentials were rejected or cannot be used.
    pub(super) fn set_auth_error(&self, error: String) {
        if lock(&self.failures).is_due(&error, Instant::now()) {
            tracing::warn!(name = self.name, %error, "authentication failed");
        }
        let error: Arc<str> = error.into();
        self.has_refusals.store(true, Ordering::Relaxed);
        self.status.send_modify(|status| {
            status.last_error = Some(Arc::clone(&error));
            status.auth_error = Some(error);
            status.server_error = Some(Instant::now());
        });
    }

    /// Records the failed attempts in the client's list of servers: its event names the kind of an error, not the cause.
    pub(super) fn observe_servers(&self, servers: &[Server]) {
        let failures = lock(&self.failures).observe(servers, Instant::now());
        for failure in failures {
            let error = &failure.error;
            // Authentication errors arrive as events, with their cause.
            if is_auth_error(error) || error.starts_with(&ConnectErrorKind::Authentication.to_string()) {
                continue;
            }
            if failure.is_due {
                let (server, attempts) = (&failure.server, failure.attempts);
                tracing::warn!(name = self.name, server, %error, attempts, "cannot connect, retrying");
            }
            self.set_last_error(error);
        }
    }

    /// Records that the client has ended without a request to close.
    pub(super) fn observe_client_failure(&self) {
        let error = "the NATS client failed at a message that it cannot read: it is replaced";
        tracing::warn!(name = self.name, "{error}");
        self.status.send_modify(|status| {
            status.last_error = Some(error.into());
            status.is_replacing = true;
        });
    }

    /// Records that the client is replaced.
    pub(super) fn observe_replacement(&self) {
        self.status.send_modify(|status| status.is_replacing = false);
    }

    /// Records that a new client cannot be created.
    pub(super) fn observe_open_failure(&self, error: &SetupError) {
        let error = format!("cannot replace the NATS client: {error}");
        if lock(&self.failures).is_due(&error, Instant::now()) {
            tracing::warn!(name = self.name, "{error}");
        }
        self.set_last_error(&error);
    }

    /// Records why a user of the connection waits or has failed.
    pub(crate) fn observe_failure(&self, error: &str) {
        if lock(&self.failures).is_due(&without_names(error), Instant::now()) {
            tracing::warn!(name = self.name, "{error}");
        }
        self.set_last_error(error);
    }

    /// Forgets a failure of [`observe_failure`](Self::observe_failure) that has passed, unless another one followed.
    pub(crate) fn forget_failure(&self, error: &str) {
        self.status.send_if_modified(|status| {
            let is_last = status.last_error.as_deref() == Some(error);
            if is_last {
                status.last_error = None;
            }
            is_last
        });
    }

    /// Records an event of the client.
    pub(super) fn observe(&self, event: Event) {
        let name = self.name.as_str();
        match event {
            Event::Connected => {
                let outage = lock(&self.failures).end_outage(Instant::now());
                let (failed_attempts, after) = (outage.failed_attempts, outage.duration);
                if failed_attempts > 0 {
                    tracing::info!(name, failed_attempts, ?after, "connected");
                } else {
                    tracing::info!(name, "connected");
                }
                self.violations.forget_subscriptions();
                self.status.send_modify(|status| status.auth_error = None);
            }
            Event::Disconnected => {
                // The client does not say why.
                let error = "connection lost: the network failed, the server closed it, or sent a message that the client \
                             cannot read";
                tracing::warn!(name, "{error}");
                let is_told = |status: &mut Status| status.server_error.is_some_and(|at| at.elapsed() < CAUSE_WINDOW);
                self.status.send_modify(|status| {
                    if !is_told(status) {
                        status.last_error = Some(error.into());
                    }
                });
            }
            Event::LameDuckMode => tracing::info!(name, "server is shutting down (lame duck mode)"),
            Event::Draining => tracing::debug!(name, "draining connection"),
            Event::Closed => {
                tracing::info!(name, "connection closed");
                self.close();
            }
            Event::SlowConsumer(subscription) => {
                tracing::warn!(name, subscription, "slow consumer, messages dropped");
            }
            Event::ServerError(ServerError::AuthorizationViolation) => {
                self.set_auth_error(ServerError::AuthorizationViolation.to_string());
            }
            Event::ServerError(ServerError::Other(text)) => self.observe_server_error(text),
            Event::ServerError(error) => self.log_server_error(&error.to_string()),
            Event::ClientError(error) => self.observe_client_error(&error),
        }
    }

    fn observe_server_error(&self, text: String) {
        if self.fences.observe(&text) {
            return;
        }
        if self.violations.observe(&text) {
            self.has_refusals.store(true, Ordering::Relaxed);
        } else if is_auth_error(&text) {
            return self.set_auth_error(text);
        }
        self.log_server_error(&text);
    }

    fn observe_client_error(&self, error: &ClientError) {
        let text = match error {
            ClientError::Other(text) => text,
            ClientError::MaxReconnects => {
                let error = "gave up connecting: maximum number of attempts reached";
                tracing::warn!(name = self.name, "{error}");
                self.set_last_error(error);
                return self.close();
            }
            ClientError::ServerNotInPool => return self.set_last_error(&error.to_string()),
        };
        if is_auth_error(text) {
            self.set_auth_error(text.clone());
        } else if *text == ConnectErrorKind::Authentication.to_string() {
            // The callback that signs has set the cause, if it failed.
            let has_cause = self.status.borrow().auth_error.is_some();
            if !has_cause {
                self.set_auth_error(text.clone());
            }
        } else {
            self.status.send_modify(|status| status.auth_error = None);
            // The list of servers has the cause of every other error, but not of a failed lookup.
            if *text == ConnectErrorKind::Dns.to_string() {
                let error = "cannot resolve the host name of a server";
                if lock(&self.failures).is_due(error, Instant::now()) {
                    tracing::warn!(name = self.name, error, "cannot connect, retrying");
                }
                self.set_last_error(error);
            }
        }
    }

    fn log_server_error(&self, error: &str) {
        tracing::warn!(name = self.name, error, "server error");
        self.status.send_modify(|status| {
            status.last_error = Some(error.into());
            status.server_error = Some(Instant::now());
        });
    }

    fn set_last_error(&self, error: &str) {
        self.status.send_modify(|status| status.last_error = Some(error.into()));
    }
}

/// Returns the text without quoted names and numbers, such as inboxes and sequences: it identifies the cause.
fn without_names(error: &str) -> String {
    let unquoted = error.split('`').step_by(2);
    unquoted.flat_map(str::chars).filter(|c| !c.is_ascii_digit()).collect()
}

/// Returns whether the text is a server error for wrong, expired or revoked credentials.
fn is_auth_error(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    [
        "authorization violation",
        "authentication expired",
        "authentication revoked",
    ]
    .iter()
    .any(|error| text.contains(error))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use async_nats::{ClientError, Event, Server, ServerError};

    use super::Monitor;
    use crate::lock::lock;

    fn server_error(text: &str) -> Event {
        Event::ServerError(ServerError::Other(text.into()))
    }

    #[test]
    fn the_last_attempt_decides_the_auth_error() {
        let monitor = Monitor::new("", "_INBOX");
        for text in [
            "Authorization Violation",
            "User Authentication Expired",
            "User Authentication Revoked",
        ] {
            monitor.observe(server_error(text));
            assert_eq!(monitor.status().auth_error.as_deref(), Some(text));
            assert_eq!(monitor.status().last_error.as_deref(), Some(text));
            monitor.observe(Event::ClientError(ClientError::Other("IO error".into())));
            assert_eq!(monitor.status().auth_error, None);
        }
        monitor.set_auth_error("cannot read the credentials file".into());
        monitor.observe(Event::ClientError(ClientError::Other("failed signing nonce".into())));
        let auth_error = monitor.status().auth_error;
        assert_eq!(auth_error.as_deref(), Some("cannot read the credentials file"));
        monitor.observe(Event::Connected);
        assert_eq!(monitor.status().auth_error, None);
    }

    #[test]
    fn a_lost_connection_does_not_hide_what_the_server_said() {
        let monitor = Monitor::new("", "_INBOX");
        monitor.observe(Event::Disconnected);
        assert!(monitor.status().last_error.unwrap().starts_with("connection lost"));
        monitor.observe(server_error("Stale Connection"));
        monitor.observe(Event::Disconnected);
        assert_eq!(monitor.status().last_error.as_deref(), Some("Stale Connection"));
    }

    #[test]
    fn the_last_error_has_the_cause() {
        let monitor = Monitor::new("", "_INBOX");
        let refused = "IO error: Connection refused (os error 111)";
        monitor.observe_servers(&[Server {
            addr: "nats://127.0.0.1:4222".parse().unwrap(),
            failed_attempts: 1,
            did_connect: false,
            is_discovered: false,
            last_error: Some(refused.into()),
        }]);
        monitor.observe(Event::ClientError(ClientError::Other("IO error".into())));
        assert_eq!(monitor.status().last_error.as_deref(), Some(refused));
    }

    #[test]
    fn failures_with_other_names_have_one_cause() {
        let monitor = Monitor::new("", "_INBOX");
        for number in 0..1_000 {
            monitor.observe_failure(&format!(
                "message {number} of stream `S{number}`: no reply to `_INBOX.{number}`"
            ));
        }
        let is_due = |cause: &str| lock(&monitor.failures).is_due(cause, Instant::now());
        assert!(!is_due("message  of stream : no reply to "));
        assert!(is_due("another cause"));
    }

    #[test]
    fn invalid_subjects_without_a_fence_are_errors() {
        let monitor = Monitor::new("", "_INBOX");
        monitor.observe(server_error("Invalid Subject"));
        assert_eq!(monitor.status().last_error.as_deref(), Some("Invalid Subject"));
    }
}

//! State of a connection, as its event callback sees it: server errors, authentication errors, permissions violations.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::{ClientError, ConnectErrorKind, Event, Server, ServerError};
use tokio::sync::watch;

use crate::connect_failures::ConnectFailures;
use crate::event_fence::EventFences;

/// Time for which a subject is not published to after a permissions violation.
const DENIED_SUBJECT_TTL: Duration = Duration::from_secs(1);
/// Maximum number of subjects whose permissions violations are counted.
const MAX_DENIED_SUBJECTS: usize = 1_000;

/// State of one connection, shared by its users.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionState {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    status: watch::Sender<Status>,
    /// Name of the connection in log messages.
    name: String,
    /// Every inbox is used once, so violations for inboxes are counted under their prefix.
    inbox_prefix: String,
    /// Fast path: each send looks into the maps only after the server has reported a violation.
    has_violations: AtomicBool,
    violations: Mutex<BTreeMap<Permission, Violations>>,
    failures: Mutex<ConnectFailures>,
    fences: EventFences,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    /// Last error of the server or the client. Kept after the connection has recovered.
    pub(crate) last_error: Option<Arc<str>>,
    /// Why the server rejected the credentials at the last attempt to connect.
    pub(crate) auth_error: Option<Arc<str>>,
    /// Whether the connection is closed for good.
    pub(crate) is_closed: bool,
}

/// Permission that the server denies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Permission {
    Publish(String),
    Subscribe(String),
}

#[derive(Clone, Copy, Debug)]
struct Violations {
    count: u64,
    last: Instant,
}

impl ConnectionState {
    pub(crate) fn new(name: &str, inbox_prefix: &str) -> Self {
        Self {
            shared: Arc::new(Shared {
                status: watch::Sender::new(Status::default()),
                name: name.to_owned(),
                inbox_prefix: inbox_prefix.to_owned(),
                has_violations: AtomicBool::new(false),
                violations: Mutex::default(),
                failures: Mutex::default(),
                fences: EventFences::default(),
            }),
        }
    }

    pub(crate) fn status(&self) -> Status {
        self.shared.status.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Status> {
        self.shared.status.subscribe()
    }

    pub(crate) fn fences(&self) -> &EventFences {
        &self.shared.fences
    }

    /// Returns whether the server has ever rejected the credentials or denied a permission.
    pub(crate) fn has_violations(&self) -> bool {
        self.shared.has_violations.load(Ordering::Relaxed)
    }

    /// Returns whether the server denied publishing to the subject within `DENIED_SUBJECT_TTL`. After that one event is
    /// sent again, in case the permission was granted.
    pub(crate) fn is_publish_denied(&self, subject: &str) -> bool {
        let violations = self.violations();
        let found = violations.get(&Permission::Publish(subject.to_owned()));
        found.is_some_and(|violations| violations.last.elapsed() < DENIED_SUBJECT_TTL)
    }

    /// Counts the publish violations on the selected subjects over all epochs, and returns one of the subjects. A lower
    /// bound: the client's event queue drops what exceeds its capacity.
    pub(crate) fn publish_violations(&self, is_selected: impl Fn(&str) -> bool) -> (u64, Option<String>) {
        let mut total = (0, None);
        for (permission, violations) in self.violations().iter() {
            if let Permission::Publish(subject) = permission
                && is_selected(subject)
            {
                total.0 += violations.count;
                total.1.get_or_insert_with(|| subject.clone());
            }
        }
        total
    }

    /// Returns whether the server denied a selected subscription in the current epoch.
    pub(crate) fn is_subscribe_denied(&self, is_selected: impl Fn(&str) -> bool) -> bool {
        self.violations()
            .keys()
            .any(|permission| matches!(permission, Permission::Subscribe(subject) if is_selected(subject)))
    }

    /// Records that the credentials were rejected or cannot be used.
    pub(crate) fn set_auth_error(&self, error: String) {
        if self.failures().is_due(&error, Instant::now()) {
            tracing::warn!(name = self.shared.name, %error, "authentication failed");
        }
        let error: Arc<str> = error.into();
        self.shared.has_violations.store(true, Ordering::Relaxed);
        self.shared.status.send_modify(|status| {
            status.last_error = Some(Arc::clone(&error));
            status.auth_error = Some(error);
        });
    }

    /// Records the failed attempts in the client's list of servers: its event names the kind of an error, not the cause.
    pub(crate) fn observe_servers(&self, servers: &[Server]) {
        let failures = self.failures().observe(servers, Instant::now());
        for failure in failures {
            let error = &failure.error;
            // Authentication errors arrive as events, with their cause.
            if is_auth_error(error) || error.starts_with(&ConnectErrorKind::Authentication.to_string()) {
                continue;
            }
            if failure.is_due {
                let (server, attempts) = (&failure.server, failure.attempts);
                tracing::warn!(name = self.shared.name, server, %error, attempts, "cannot connect, retrying");
            }
            self.set_last_error(error);
        }
    }

    /// Records an event of the client.
    pub(crate) fn observe(&self, event: Event) {
        let name = &*self.shared.name;
        match event {
            Event::Connected => {
                let outage = self.failures().end_outage(Instant::now());
                let (failed_attempts, after) = (outage.failed_attempts, outage.duration);
                if failed_attempts > 0 {
                    tracing::info!(name, failed_attempts, ?after, "connected");
                } else {
                    tracing::info!(name, "connected");
                }
                self.forget_subscribe_violations();
                self.shared.status.send_modify(|status| status.auth_error = None);
            }
            Event::Disconnected => {
                tracing::warn!(name, "connection lost");
                // Wakes the tasks that wait for a change.
                self.shared.status.send_modify(|_| {});
            }
            Event::LameDuckMode => tracing::info!(name, "server is shutting down (lame duck mode)"),
            Event::Draining => tracing::debug!(name, "draining connection"),
            Event::Closed => {
                tracing::info!(name, "connection closed");
                self.shared.status.send_modify(|status| status.is_closed = true);
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
        if self.shared.fences.observe(&text) {
            return;
        }
        if let Some(permission) = Permission::parse_violation(&text, &self.shared.inbox_prefix) {
            self.add_violation(permission);
            self.log_server_error(&text);
        } else if is_auth_error(&text) {
            self.set_auth_error(text);
        } else {
            self.log_server_error(&text);
        }
    }

    fn observe_client_error(&self, error: &ClientError) {
        let text = match error {
            ClientError::Other(text) => text,
            ClientError::MaxReconnects => {
                let error = "gave up connecting: maximum number of attempts reached";
                tracing::warn!(name = self.shared.name, "{error}");
                self.set_last_error(error);
                self.shared.status.send_modify(|status| status.is_closed = true);
                return;
            }
            ClientError::ServerNotInPool => return self.set_last_error(&error.to_string()),
        };
        if is_auth_error(text) {
            self.set_auth_error(text.clone());
        } else if *text == ConnectErrorKind::Authentication.to_string() {
            // The callback that signs has set the cause, if it failed.
            let has_cause = self.shared.status.borrow().auth_error.is_some();
            if !has_cause {
                self.set_auth_error(text.clone());
            }
        } else {
            self.shared.status.send_modify(|status| status.auth_error = None);
            // The list of servers has the cause of every other error, but not of a failed lookup.
            if *text == ConnectErrorKind::Dns.to_string() {
                let error = "cannot resolve the host name of a server";
                if self.failures().is_due(error, Instant::now()) {
                    tracing::warn!(name = self.shared.name, error, "cannot connect, retrying");
                }
                self.set_last_error(error);
            }
        }
    }

    fn log_server_error(&self, error: &str) {
        tracing::warn!(name = self.shared.name, error, "server error");
        self.set_last_error(error);
    }

    fn set_last_error(&self, error: &str) {
        self.shared
            .status
            .send_modify(|status| status.last_error = Some(error.into()));
    }

    fn add_violation(&self, permission: Permission) {
        let mut violations = self.violations();
        if violations.len() >= MAX_DENIED_SUBJECTS && !violations.contains_key(&permission) {
            return;
        }
        let last = Instant::now();
        let entry = violations.entry(permission).or_insert(Violations { count: 0, last });
        entry.count += 1;
        entry.last = last;
        self.shared.has_violations.store(true, Ordering::Relaxed);
    }

    /// A new connection repeats every subscription, and the server denies it again.
    fn forget_subscribe_violations(&self) {
        self.violations()
            .retain(|permission, _| matches!(permission, Permission::Publish(_)));
    }

    // Nothing panics while it holds one of the locks.

    fn violations(&self) -> MutexGuard<'_, BTreeMap<Permission, Violations>> {
        self.shared.violations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failures(&self) -> MutexGuard<'_, ConnectFailures> {
        self.shared.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permission {
    /// Parses `Permissions Violation for Publish to "SUBJECT"`.
    fn parse_violation(text: &str, inbox_prefix: &str) -> Option<Self> {
        let (operation, rest) = text.split_once('"')?;
        let (subject, _) = rest.split_once('"')?;
        let is_inbox = subject
            .strip_prefix(inbox_prefix)
            .is_some_and(|rest| rest.starts_with('.'));
        let subject = if is_inbox { inbox_prefix } else { subject };
        match operation.to_ascii_lowercase().trim_end() {
            "permissions violation for publish to" => Some(Self::Publish(subject.to_owned())),
            "permissions violation for subscription to" => Some(Self::Subscribe(subject.to_owned())),
            _ => None,
        }
    }
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
    use async_nats::{ClientError, Event, Server, ServerError};

    use super::ConnectionState;

    fn server_error(text: &str) -> Event {
        Event::ServerError(ServerError::Other(text.into()))
    }

    #[test]
    fn permission_violations_are_counted_by_subject() {
        let state = ConnectionState::new("", "_INBOX");
        assert!(!state.is_publish_denied("a.b"));
        for _ in 0..3 {
            state.observe(server_error("Permissions Violation for Publish to \"a.b\""));
        }
        state.observe(server_error(
            "Permissions Violation for Subscription to \"a.>\" using queue \"q\"",
        ));
        assert!(state.is_publish_denied("a.b"));
        assert!(!state.is_publish_denied("a.c"));
        assert_eq!(
            state.publish_violations(|subject| subject.starts_with("a.")),
            (3, Some("a.b".into()))
        );
        assert!(state.is_subscribe_denied(|subject| subject == "a.>"));
        state.observe(Event::Connected);
        assert!(!state.is_subscribe_denied(|subject| subject == "a.>"));
        for number in 0..3 {
            state.observe(server_error(&format!(
                "Permissions Violation for Subscription to \"_INBOX.{number}\""
            )));
        }
        assert!(state.is_subscribe_denied(|subject| "_INBOX.7".starts_with(subject)));
        assert_eq!(state.violations().len(), 2);
    }

    #[test]
    fn the_number_of_denied_subjects_is_bounded() {
        let state = ConnectionState::new("", "_INBOX");
        for number in 0..5_000 {
            state.observe(server_error(&format!(
                "Permissions Violation for Publish to \"a.{number}\""
            )));
        }
        assert_eq!(state.publish_violations(|_| true).0, 1_000);
    }

    #[test]
    fn the_last_attempt_decides_the_auth_error() {
        let state = ConnectionState::new("", "_INBOX");
        for text in [
            "Authorization Violation",
            "User Authentication Expired",
            "User Authentication Revoked",
        ] {
            state.observe(server_error(text));
            assert_eq!(state.status().auth_error.as_deref(), Some(text));
            assert_eq!(state.status().last_error.as_deref(), Some(text));
            state.observe(Event::ClientError(ClientError::Other("IO error".into())));
            assert_eq!(state.status().auth_error, None);
        }
        state.set_auth_error("cannot read the credentials file".into());
        state.observe(Event::ClientError(ClientError::Other("failed signing nonce".into())));
        let auth_error = state.status().auth_error;
        assert_eq!(auth_error.as_deref(), Some("cannot read the credentials file"));
        state.observe(Event::Connected);
        assert_eq!(state.status().auth_error, None);
    }

    #[test]
    fn the_last_error_has_the_cause() {
        let state = ConnectionState::new("", "_INBOX");
        let refused = "IO error: Connection refused (os error 111)";
        state.observe_servers(&[Server {
            addr: "nats://127.0.0.1:4222".parse().unwrap(),
            failed_attempts: 1,
            did_connect: false,
            is_discovered: false,
            last_error: Some(refused.into()),
        }]);
        state.observe(Event::ClientError(ClientError::Other("IO error".into())));
        assert_eq!(state.status().last_error.as_deref(), Some(refused));
    }

    #[test]
    fn invalid_subjects_without_a_fence_are_errors() {
        let state = ConnectionState::new("", "_INBOX");
        state.observe(server_error("Invalid Subject"));
        assert_eq!(state.status().last_error.as_deref(), Some("Invalid Subject"));
    }
}

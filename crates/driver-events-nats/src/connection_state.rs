//! What only the callback of a connection is told: errors of the server, refused credentials, refused subjects.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::{ClientError, Event, ServerError};
use tokio::sync::watch;

/// How long a subject that the server refused is not tried again.
const REFUSED_SUBJECT_PAUSE: Duration = Duration::from_secs(1);
/// How many refused subjects are remembered.
const MAX_REFUSED_SUBJECTS: usize = 1_000;

/// The state of one connection, shared by all that use it.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionState {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    status: watch::Sender<Status>,
    /// The name of the connection, by which events of `tracing` are told apart.
    name: String,
    /// What the subjects of answers begin with. Each is used once, so that they are remembered as one.
    inbox_prefix: String,
    /// Whether anything was ever refused: sending asks for it with every event, and looks closer only then.
    has_violations: AtomicBool,
    refused: Mutex<BTreeMap<Refused, Refusals>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    /// What the server or the client said last, also when all is well again.
    pub(crate) last_error: Option<Arc<str>>,
    /// Why the last attempt to connect was refused, where it was the credentials.
    pub(crate) auth_error: Option<Arc<str>>,
    /// The connection has come to its end, and will not be made again.
    pub(crate) is_closed: bool,
}

/// What the server does not let this client do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Refused {
    Publish(String),
    Subscribe(String),
}

#[derive(Clone, Copy, Debug)]
struct Refusals {
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
                refused: Mutex::default(),
            }),
        }
    }

    pub(crate) fn status(&self) -> Status {
        self.shared.status.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Status> {
        self.shared.status.subscribe()
    }

    /// Whether the server ever refused anything, the credentials or a subject.
    pub(crate) fn has_violations(&self) -> bool {
        self.shared.has_violations.load(Ordering::Relaxed)
    }

    /// Whether the server refused to take events on this subject a short while ago. After that while one is let through
    /// again: permissions may have been given.
    pub(crate) fn is_publish_denied(&self, subject: &str) -> bool {
        let refused = self.refused();
        let refusals = refused.get(&Refused::Publish(subject.to_owned()));
        refusals.is_some_and(|refusals| refusals.last.elapsed() < REFUSED_SUBJECT_PAUSE)
    }

    /// How many messages the server is known to have refused on the subjects that are asked for, since the connection
    /// was first made, and one of the subjects. More may have been refused than the client was told.
    pub(crate) fn publish_violations(&self, is_asked_for: impl Fn(&str) -> bool) -> (u64, Option<String>) {
        let refused = self.refused();
        let mut found = (0, None);
        for (what, refusals) in refused.iter() {
            if let Refused::Publish(subject) = what
                && is_asked_for(subject)
            {
                found.0 += refusals.count;
                found.1.get_or_insert_with(|| subject.clone());
            }
        }
        found
    }

    /// Whether the server refused this subscription, since it was last connected to.
    pub(crate) fn is_subscribe_denied(&self, is_asked_for: impl Fn(&str) -> bool) -> bool {
        self.refused()
            .keys()
            .any(|what| matches!(what, Refused::Subscribe(subject) if is_asked_for(subject)))
    }

    /// Says that the credentials cannot be used.
    pub(crate) fn set_auth_error(&self, why: String) {
        let why: Arc<str> = why.into();
        let name = &*self.shared.name;
        tracing::warn!(name, error = %why, "NATS refuses the credentials");
        self.shared.has_violations.store(true, Ordering::Relaxed);
        self.shared.status.send_modify(|status| {
            status.last_error = Some(Arc::clone(&why));
            status.auth_error = Some(why);
        });
    }

    /// Takes what the client tells.
    pub(crate) fn observe(&self, event: Event) {
        let name = &*self.shared.name;
        match event {
            Event::Connected => {
                tracing::info!(name, "connected to NATS");
                self.forget_subscriptions();
                self.shared.status.send_modify(|status| status.auth_error = None);
            }
            Event::Disconnected => {
                tracing::warn!(name, "disconnected from NATS");
                // Wakes those who wait for a change.
                self.shared.status.send_modify(|_| {});
            }
            Event::LameDuckMode => tracing::info!(name, "the NATS server is about to shut down"),
            Event::Draining => tracing::debug!(name, "the connection to NATS is being drained"),
            Event::Closed => {
                tracing::info!(name, "the connection to NATS is closed");
                self.shared.status.send_modify(|status| status.is_closed = true);
            }
            Event::SlowConsumer(subscription) => {
                tracing::warn!(
                    subscription,
                    "messages from NATS were dropped, since they were read too slowly"
                );
            }
            Event::ServerError(ServerError::AuthorizationViolation) => {
                self.set_auth_error("authorization violation".into())
            }
            Event::ServerError(ServerError::Other(text)) => self.observe_server_error(text),
            Event::ServerError(error) => self.set_last_error(error.to_string()),
            Event::ClientError(error) => self.observe_client_error(&error),
        }
    }

    fn observe_server_error(&self, text: String) {
        if let Some(refused) = Refused::parse(&text, &self.shared.inbox_prefix) {
            let mut all = self.refused();
            if all.len() < MAX_REFUSED_SUBJECTS || all.contains_key(&refused) {
                let last = Instant::now();
                all.entry(refused)
                    .and_modify(|refusals| {
                        *refusals = Refusals {
                            count: refusals.count + 1,
                            last,
                        }
                    })
                    .or_insert(Refusals { count: 1, last });
                self.shared.has_violations.store(true, Ordering::Relaxed);
            }
            drop(all);
            self.set_last_error(text);
        } else if is_refusal(&text) {
            self.set_auth_error(text);
        } else {
            self.set_last_error(text);
        }
    }

    fn observe_client_error(&self, error: &ClientError) {
        let text = match error {
            ClientError::Other(text) => text,
            ClientError::MaxReconnects => {
                self.shared.status.send_modify(|status| status.is_closed = true);
                return self.set_last_error("no server answered in as many attempts as are allowed".into());
            }
            ClientError::ServerNotInPool => return self.set_last_error(error.to_string()),
        };
        if is_refusal(text) {
            self.set_auth_error(text.clone());
        } else if text == &async_nats::ConnectErrorKind::Authentication.to_string() {
            // The reason was told by whoever could not sign.
            let is_told = self.shared.status.borrow().auth_error.is_some();
            if !is_told {
                self.set_auth_error(text.clone());
            }
        } else {
            self.shared.status.send_modify(|status| status.auth_error = None);
            self.set_last_error(text.clone());
        }
    }

    fn set_last_error(&self, text: String) {
        tracing::warn!(name = &*self.shared.name, error = %text, "error of the connection to NATS");
        self.shared
            .status
            .send_modify(|status| status.last_error = Some(text.into()));
    }

    /// A new connection asks for every subscription again, and the server answers again.
    fn forget_subscriptions(&self) {
        self.refused().retain(|what, _| matches!(what, Refused::Publish(_)));
    }

    fn refused(&self) -> MutexGuard<'_, BTreeMap<Refused, Refusals>> {
        // Nothing panics while it holds the lock.
        self.shared.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refused {
    /// Reads `Permissions Violation for Publish to "SUBJECT"`.
    fn parse(text: &str, inbox_prefix: &str) -> Option<Self> {
        let (what, rest) = text.split_once('"')?;
        let (subject, _) = rest.split_once('"')?;
        let is_inbox = subject
            .strip_prefix(inbox_prefix)
            .is_some_and(|rest| rest.starts_with('.'));
        let subject = if is_inbox { inbox_prefix } else { subject };
        match what.to_ascii_lowercase().trim_end() {
            "permissions violation for publish to" => Some(Self::Publish(subject.to_owned())),
            "permissions violation for subscription to" => Some(Self::Subscribe(subject.to_owned())),
            _ => None,
        }
    }
}

/// What servers say of credentials that are wrong, expired or revoked.
fn is_refusal(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    [
        "authorization violation",
        "authentication expired",
        "authentication revoked",
    ]
    .iter()
    .any(|refusal| text.contains(refusal))
}

#[cfg(test)]
mod tests {
    use async_nats::{ClientError, Event, ServerError};

    use super::ConnectionState;

    fn server_error(text: &str) -> Event {
        Event::ServerError(ServerError::Other(text.into()))
    }

    #[test]
    fn refused_subjects_are_counted() {
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
        assert_eq!(state.refused().len(), 2);
    }

    #[test]
    fn how_many_refused_subjects_are_remembered_is_bounded() {
        let state = ConnectionState::new("", "_INBOX");
        for number in 0..5_000 {
            state.observe(server_error(&format!(
                "Permissions Violation for Publish to \"a.{number}\""
            )));
        }
        assert_eq!(state.publish_violations(|_| true).0, 1_000);
    }

    #[test]
    fn the_last_attempt_says_whether_the_credentials_are_refused() {
        let state = ConnectionState::new("", "_INBOX");
        for text in [
            "Authorization Violation",
            "User Authentication Expired",
            "User Authentication Revoked",
        ] {
            state.observe(server_error(text));
            assert_eq!(state.status().auth_error.as_deref(), Some(text));
            state.observe(Event::ClientError(ClientError::Other("IO error".into())));
            assert_eq!(state.status().auth_error, None);
            assert_eq!(state.status().last_error.as_deref(), Some("IO error"));
        }
        state.set_auth_error("the credentials file is gone".into());
        state.observe(Event::ClientError(ClientError::Other("failed signing nonce".into())));
        assert_eq!(
            state.status().auth_error.as_deref(),
            Some("the credentials file is gone")
        );
        state.observe(Event::Connected);
        assert_eq!(state.status().auth_error, None);
    }
}

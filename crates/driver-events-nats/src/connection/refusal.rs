use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use driver_events_core::{SetupError, SetupErrorKind, SinkError, SinkErrorKind, SourceError, SourceErrorKind};

use super::nats_connection::NatsConnection;

/// Time for which the sink refuses events on a subject after a permissions violation. Later events are sent again, in
/// case the permission was granted.
const DENIED_SUBJECT_TTL: Duration = Duration::from_secs(1);

/// Why the server refuses a message or a subscription. The caller's client reports none: its event callback is not ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the NATS server rejects the credentials: {0}")]
    Credentials(Arc<str>),
    #[error("no permission to publish to `{0}`: grant it")]
    Publish(String),
    #[error("no permission to subscribe to `{0}`: grant it")]
    Subscribe(String),
    #[error("no permission to subscribe to the inbox `{0}`: grant it, or set another inbox prefix")]
    Inbox(String),
}

/// Refusal reported last, so that each is reported once.
#[derive(Debug, Default)]
pub(crate) struct ReportOnce(Option<Refusal>);

impl NatsConnection {
    /// Returns why the server rejects the credentials. `None` while connected, or while attempts fail for other reasons.
    pub(crate) fn refused_credentials(&self) -> Option<Refusal> {
        if !self.monitor().has_refusals() || self.current_client().connection_state() == State::Connected {
            return None;
        }
        self.monitor().status().auth_error.map(Refusal::Credentials)
    }

    /// Waits until the server rejects the credentials.
    pub(crate) async fn credentials_refused(&self) -> Refusal {
        let mut status = self.monitor().watch();
        loop {
            if let Some(refusal) = self.refused_credentials() {
                return refusal;
            }
            if status.changed().await.is_err() {
                return pending().await;
            }
        }
    }

    /// Returns why the server does not accept messages on a subject.
    pub(crate) fn refused_publish(&self, subject: &str) -> Option<Refusal> {
        self.refused_publish_within(subject, DENIED_SUBJECT_TTL)
    }

    /// Returns why the server refuses messages on a subject, if it refused one during the past `within`.
    pub(crate) fn refused_publish_within(&self, subject: &str, within: Duration) -> Option<Refusal> {
        if !self.monitor().has_refusals() {
            return None;
        }
        self.refused_credentials().or_else(|| {
            let is_denied = self.monitor().violations().is_publish_denied(subject, within);
            is_denied.then(|| Refusal::Publish(subject.to_owned()))
        })
    }

    /// Returns why the server does not accept a subscription.
    pub(crate) fn refused_subscription(&self, subject: &str) -> Option<Refusal> {
        if !self.monitor().has_refusals() {
            return None;
        }
        self.refused_credentials().or_else(|| {
            let is_denied = self.monitor().violations().is_subscribe_denied(subject);
            is_denied.then(|| Refusal::Subscribe(subject.to_owned()))
        })
    }

    /// Returns why the server does not accept the subscription to an inbox.
    pub(crate) fn refused_inbox(&self, inbox: &str) -> Option<Refusal> {
        self.refused_subscription(inbox).map(|refusal| match refusal {
            Refusal::Subscribe(inbox) => Refusal::Inbox(inbox),
            refusal => refusal,
        })
    }

    /// Counts the messages on the selected subjects that the server has denied, and returns one of the subjects. A lower
    /// bound: the client's event queue drops what exceeds its capacity.
    pub(crate) fn denied_messages(&self, is_selected: impl Fn(&str) -> bool) -> (u64, Option<String>) {
        match self.monitor().has_refusals() {
            true => self.monitor().violations().count_publish(is_selected),
            false => (0, None),
        }
    }
}

impl ReportOnce {
    /// Returns the current refusal, unless it was returned before.
    pub(crate) fn report(&mut self, current: Option<Refusal>) -> Option<SourceError> {
        if current == self.0 {
            return None;
        }
        self.0.clone_from(&current);
        current.map(SourceError::from)
    }
}

impl From<Refusal> for SinkError {
    fn from(refusal: Refusal) -> Self {
        Self::new(SinkErrorKind::Unauthorized, refusal.to_string())
    }
}

impl From<Refusal> for SourceError {
    fn from(refusal: Refusal) -> Self {
        Self::new(SourceErrorKind::Unauthorized, refusal.to_string())
    }
}

impl From<Refusal> for SetupError {
    fn from(refusal: Refusal) -> Self {
        Self::new(SetupErrorKind::Unauthorized, refusal.to_string())
    }
}

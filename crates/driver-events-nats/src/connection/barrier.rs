use std::time::Duration;

use async_nats::{Request, RequestErrorKind};
use driver_events_core::{SinkError, SinkErrorKind};
use tokio::time::{Instant, timeout_at};

use super::event_fence::EventFence;
use super::nats_connection::NatsConnection;

/// Default barrier subject. It has no subscribers.
pub(crate) const DEFAULT_BARRIER_SUBJECT: &str = "_driver_events.barrier";
/// Timeout of the first attempt. Doubles with each attempt, up to `MAX_ATTEMPT_TIMEOUT`.
const MIN_ATTEMPT_TIMEOUT: Duration = Duration::from_millis(250);
const MAX_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

impl NatsConnection {
    /// Waits until the server has parsed everything that was sent in `epoch`, or until that epoch has ended. Returns the
    /// current epoch.
    ///
    /// The client's own `flush` returns when the operating system has the bytes. A server parses a connection in order and
    /// replies to a request without subscribers with "no responders", so a reply proves that it has parsed everything
    /// before the request. A subscriber to `>` receives the request and does not reply. Therefore every second attempt is
    /// a message to our own inbox.
    ///
    /// When this returns on a monitored connection, the event callback has seen every error that the server reported
    /// before the reply, except errors that the client dropped because its event queue was full.
    ///
    /// # Errors
    /// - `Timeout`: no reply before the deadline.
    /// - `Disconnected`: no reply, and the connection is down.
    /// - `Unauthorized`: the server denies the request or its inbox, or rejects the credentials.
    /// - `Closed`: the connection is closed.
    pub(crate) async fn barrier(&self, subject: &str, epoch: u64, deadline: Instant) -> Result<u64, SinkError> {
        let mut attempt_timeout = MIN_ATTEMPT_TIMEOUT;
        let mut is_to_inbox = false;
        let client_epoch = self.client_epoch();
        loop {
            // A new inbox for each attempt: the client keeps a shared inbox's unanswered requests for ever.
            let inbox = self.current_client().new_inbox();
            let to = if is_to_inbox { inbox.clone() } else { subject.to_owned() };
            let end = deadline.min(Instant::now() + attempt_timeout);
            let reply = timeout_at(end, self.request_behind_fence(to, inbox.clone())).await;
            let current = self.epoch();
            match reply {
                Ok(Ok(fence)) => {
                    if let Some(fence) = fence
                        && current == epoch
                    {
                        fence.pass(deadline).await;
                    }
                    return Ok(current);
                }
                Ok(Err(error)) => {
                    return match timeout_at(deadline, self.is_replaced(client_epoch)).await {
                        Ok(true) => Ok(self.epoch()),
                        Ok(false) => Err(error),
                        Err(elapsed) => Err(connection_down().with_source(elapsed)),
                    };
                }
                Err(_) if current > epoch => return Ok(current),
                Err(_) => self.check_barrier(subject, &inbox, deadline)?,
            }
            is_to_inbox = !is_to_inbox;
            attempt_timeout = MAX_ATTEMPT_TIMEOUT.min(attempt_timeout * 2);
        }
    }

    /// Sends a fence and a request, and waits for the reply to the request.
    async fn request_behind_fence(&self, to: String, inbox: String) -> Result<Option<EventFence<'_>>, SinkError> {
        let fence = match self.monitored() {
            Some(connection) => connection.monitor().fences().send(&self.current_client()).await,
            None => None,
        };
        let request = Request::new().inbox(inbox).timeout(None);
        match self.current_client().send_request(to, request).await {
            Ok(_) => Ok(fence),
            Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(fence),
            Err(error) => {
                Err(SinkError::new(SinkErrorKind::Closed, "the connection to NATS is closed").with_source(error))
            }
        }
    }

    /// Fails with the reason why no reply arrived, if it is known or the deadline has passed.
    fn check_barrier(&self, subject: &str, inbox: &str, deadline: Instant) -> Result<(), SinkError> {
        if let Some(refusal) = self.refused_publish(subject).or_else(|| self.refused_inbox(inbox)) {
            return Err(refusal.into());
        }
        if Instant::now() < deadline {
            return Ok(());
        }
        if self.is_connected() {
            let message = format!(
                "no reply from the NATS server in time: it is slow, or denies publishing to `{subject}` or subscribing \
                 to `{inbox}`"
            );
            self.monitor().observe_failure(&message);
            return Err(SinkError::new(SinkErrorKind::Timeout, message));
        }
        Err(connection_down())
    }
}

fn connection_down() -> SinkError {
    SinkError::new(
        SinkErrorKind::Disconnected,
        "cannot flush: the connection to NATS is down",
    )
}

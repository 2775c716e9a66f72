use std::time::Duration;

use async_nats::{Client, Request, RequestErrorKind};
use driver_events_core::{SinkError, SinkErrorKind};
use tokio::time::{Instant, timeout_at};

use crate::connection::Connection;
use crate::event_fence::{EventFence, EventFences};

/// Default barrier subject. It has no subscribers.
pub(crate) const DEFAULT_SUBJECT: &str = "_driver_events.barrier";
/// Timeout of the first attempt. Doubles with each attempt, up to `MAX_ATTEMPT_TIMEOUT`.
const MIN_ATTEMPT_TIMEOUT: Duration = Duration::from_millis(250);
const MAX_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// Bounds the wait for a fence after the reply. It runs out only if the client dropped the fence because its event queue
/// was full, or if the server does not report invalid subjects.
const FENCE_TIMEOUT: Duration = Duration::from_secs(1);

/// Waits until the server has parsed everything that was sent in `epoch`, or until that epoch has ended. Returns the
/// current epoch.
///
/// The client's own `flush` returns when the operating system has the bytes. A server parses a connection in order and
/// replies to a request without subscribers with "no responders", so a reply proves that it has parsed everything before
/// the request. A subscriber to `>` receives the request and does not reply. Therefore every second attempt is a message
/// to our own inbox.
///
/// When this returns on a [`NatsConnection`](crate::NatsConnection), the event callback has seen every error that the
/// server reported before the reply, except errors that the client dropped because its event queue was full.
///
/// # Errors
/// - `Timeout`: no reply before the deadline.
/// - `Disconnected`: no reply, and the connection is down.
/// - `Unauthorized`: the server denies the request or its inbox, or rejects the credentials.
/// - `Closed`: the connection is closed.
pub(crate) async fn wait(
    connection: &Connection,
    subject: &str,
    epoch: u64,
    deadline: Instant,
) -> Result<u64, SinkError> {
    let client = connection.client();
    let fences = connection.state().map(|state| state.fences());
    let mut attempt_timeout = MIN_ATTEMPT_TIMEOUT;
    let mut is_to_inbox = false;
    loop {
        // A new inbox for each attempt: the client keeps a shared inbox's unanswered requests for ever.
        let inbox = client.new_inbox();
        let to = if is_to_inbox { inbox.clone() } else { subject.to_owned() };
        let end = deadline.min(Instant::now() + attempt_timeout);
        let reply = timeout_at(end, request(client, fences, to, inbox.clone())).await;
        let current = connection.epoch();
        match reply {
            Ok(Ok(fence)) => {
                if let Some(fence) = fence
                    && current == epoch
                {
                    wait_for_fence(fence, deadline).await;
                }
                return Ok(current);
            }
            Ok(Err(error)) => return Err(error),
            Err(_) if current > epoch => return Ok(current),
            Err(_) => {}
        }
        check(connection, subject, &inbox, deadline)?;
        is_to_inbox = !is_to_inbox;
        attempt_timeout = MAX_ATTEMPT_TIMEOUT.min(attempt_timeout * 2);
    }
}

/// Sends a fence and a request, and waits for the reply to the request.
async fn request<'a>(
    client: &Client,
    fences: Option<&'a EventFences>,
    to: String,
    inbox: String,
) -> Result<Option<EventFence<'a>>, SinkError> {
    let fence = match fences {
        Some(fences) => fences.send(client).await,
        None => None,
    };
    let request = Request::new().inbox(inbox).timeout(None);
    match client.send_request(to, request).await {
        Ok(_) => Ok(fence),
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(fence),
        Err(error) => Err(SinkError::new(SinkErrorKind::Closed, "the connection to NATS is closed").with_source(error)),
    }
}

async fn wait_for_fence(fence: EventFence<'_>, deadline: Instant) {
    let end = deadline.min(Instant::now() + FENCE_TIMEOUT);
    if timeout_at(end, fence.passed()).await.is_err() {
        fence.give_up();
    }
}

/// Returns why no reply arrived, if that is known or the deadline has passed.
fn check(connection: &Connection, subject: &str, inbox: &str, deadline: Instant) -> Result<(), SinkError> {
    if let Some(error) = connection.auth_error() {
        return Err(unauthorized(&error));
    }
    if let Some(state) = connection.state() {
        if state.is_publish_denied(subject) {
            return Err(SinkError::new(
                SinkErrorKind::Unauthorized,
                format!(
                    "no permission to publish to the barrier subject `{subject}`: grant it, or set another barrier subject"
                ),
            ));
        }
        if state.is_subscribe_denied(|denied| inbox.starts_with(denied)) {
            return Err(SinkError::new(
                SinkErrorKind::Unauthorized,
                format!("no permission to subscribe to the inbox `{inbox}`: grant it, or set another inbox prefix"),
            ));
        }
    }
    if Instant::now() < deadline {
        return Ok(());
    }
    if connection.is_connected() {
        let message = format!(
            "no reply from the NATS server in time: it is slow, or denies publishing to `{subject}` or subscribing to \
             `{inbox}`"
        );
        return Err(SinkError::new(SinkErrorKind::Timeout, message));
    }
    Err(SinkError::new(
        SinkErrorKind::Disconnected,
        "cannot flush: the connection to NATS is down",
    ))
}

/// Error of a call that needs the server while it rejects the credentials.
pub(crate) fn unauthorized(error: &str) -> SinkError {
    SinkError::new(
        SinkErrorKind::Unauthorized,
        format!("the NATS server rejects the credentials: {error}"),
    )
}

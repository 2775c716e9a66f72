use std::time::Duration;

use async_nats::{Request, RequestErrorKind};
use driver_events_core::{SinkError, SinkErrorKind};
use tokio::time::{Instant, timeout_at};

use crate::connection::Connection;

/// A subject that nobody serves.
pub(crate) const DEFAULT_SUBJECT: &str = "_driver_events.barrier";
/// How long the first attempt waits for an answer; every other waits twice as long, up to `LONGEST_ATTEMPT`.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(250);
const LONGEST_ATTEMPT: Duration = Duration::from_secs(2);

/// Waits until the server has parsed everything that was sent on `connection`, or until that one is gone. Returns the
/// number of the connection by which it is known.
///
/// The client's own `flush` ends when the bytes are with the operating system, and says nothing of the server. But a
/// server reads a connection in order, and answers a request on a subject that nobody serves by saying so. Where
/// somebody listens there without answering, as those do who listen to everything, the answer does not come: so every
/// other attempt is a message to ourselves.
///
/// # Errors
/// - `Timeout`, or `Disconnected` where the link is down: no answer before the deadline.
/// - `Unauthorized`: the server does not let us ask, or refuses the credentials.
/// - `Closed`: the connection has ended.
pub(crate) async fn wait(
    connection: &Connection,
    subject: &str,
    epoch: u64,
    deadline: Instant,
) -> Result<u64, SinkError> {
    let client = connection.client();
    let mut patience = SHORTEST_ATTEMPT;
    let mut asks_itself = false;
    loop {
        // An inbox of its own, which is forgotten with the attempt: the client never forgets a shared one's requests.
        let inbox = client.new_inbox();
        let asked = if asks_itself { inbox.clone() } else { subject.to_owned() };
        let request = Request::new().inbox(inbox.clone()).timeout(None);
        let end = deadline.min(Instant::now() + patience);
        let answer = timeout_at(end, client.send_request(asked, request)).await;
        let current = connection.epoch();
        match answer {
            Ok(Ok(_)) => return Ok(told(current).await),
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => return Ok(told(current).await),
            Ok(Err(error)) => {
                return Err(
                    SinkError::new(SinkErrorKind::Closed, "the connection to NATS has ended").with_source(error),
                );
            }
            Err(_) if current > epoch => return Ok(current),
            Err(_) => {}
        }
        explain(connection, subject, &inbox, deadline)?;
        asks_itself = !asks_itself;
        patience = LONGEST_ATTEMPT.min(patience * 2);
    }
}

/// The server tells what it refused before it answers, but the client passes it on by another way, which gets a little
/// time here. What comes later is told by the next call.
async fn told(connection: u64) -> u64 {
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
    connection
}

/// Why no answer came, where that is known.
fn explain(connection: &Connection, subject: &str, inbox: &str, deadline: Instant) -> Result<(), SinkError> {
    if let Some(connection) = connection.nats_connection() {
        if let Some(why) = connection.auth_error() {
            return Err(unauthorized(&why));
        }
        if connection.state().is_publish_denied(subject) {
            return Err(SinkError::new(
                SinkErrorKind::Unauthorized,
                format!(
                    "the server refuses to take messages on {subject:?}, by which a flush learns that it has all: \
                     permit it, or set another barrier subject"
                ),
            ));
        }
        if connection
            .state()
            .is_subscribe_denied(|refused| inbox.starts_with(refused))
        {
            return Err(SinkError::new(
                SinkErrorKind::Unauthorized,
                format!(
                    "the server refuses the subscription to {inbox:?}, where the answer to a flush would come: permit \
                     its prefix, or set another inbox prefix"
                ),
            ));
        }
    }
    if Instant::now() < deadline {
        return Ok(());
    }
    if connection.is_connected() {
        let message = format!(
            "the server did not answer in time whether it has all: it is too slow, or does not permit messages on \
             {subject:?} and answers on {inbox:?}"
        );
        return Err(SinkError::new(SinkErrorKind::Timeout, message));
    }
    Err(SinkError::new(
        SinkErrorKind::Disconnected,
        "the link to NATS is down, so that nothing can be flushed",
    ))
}

/// The error of a call that needs the server while it refuses the credentials.
pub(crate) fn unauthorized(why: &str) -> SinkError {
    SinkError::new(
        SinkErrorKind::Unauthorized,
        format!("the NATS server refuses the credentials: {why}"),
    )
}

//! Where messages go that can never be worked on.

use async_nats::jetstream;
use async_nats::{Client, HeaderValue, Message, Subject};
use driver_events_core::{SourceError, SourceErrorKind};

use crate::percent;

/// Publishes the message as it came, with headers that tell where from and why, and waits until a stream has it.
pub(super) async fn send(client: &Client, to: Subject, message: Message, why: &str) -> Result<(), SourceError> {
    let failed = |what: &str| format!("the message did not become a dead letter on {to:?}, and comes again: {what}");
    let mut headers = message.headers.unwrap_or_default();
    for (name, value) in [
        ("Dead-Letter-Subject", message.subject.as_str()),
        ("Dead-Letter-Reason", why),
    ] {
        // What is encoded has no character that a header could not hold.
        let value: HeaderValue = percent::encode(value).parse().map_err(|error| {
            SourceError::new(SourceErrorKind::Fatal, failed("a header cannot be written")).with_source(error)
        })?;
        headers.insert(name, value);
    }
    let context = jetstream::new(client.clone());
    let published = context.publish_with_headers(to.clone(), headers, message.payload).await;
    let acknowledged = match published {
        Ok(acknowledgement) => acknowledgement.await,
        Err(error) => Err(error),
    };
    match acknowledged {
        Ok(_) => Ok(()),
        Err(error) => {
            let message = failed("no stream has acknowledged it");
            Err(SourceError::new(SourceErrorKind::Disconnected, message).with_source(error))
        }
    }
}

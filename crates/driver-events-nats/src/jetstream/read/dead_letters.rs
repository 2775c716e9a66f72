//! Dead letters: rejected messages, stored with the reason.

use async_nats::jetstream;
use async_nats::{Client, HeaderValue, Message, Subject};
use driver_events_core::{SourceError, SourceErrorKind};

use crate::wire::percent;

/// Publishes the message unchanged, with its subject and the reason as additional headers, and waits for the pub ack.
pub(super) async fn publish(client: &Client, to: Subject, message: Message, why: &str) -> Result<(), SourceError> {
    let failed = |cause: &str| format!("cannot store the dead letter on `{to}`: {cause}: expect redelivery");
    let mut headers = message.headers.unwrap_or_default();
    for (name, value) in [
        ("Dead-Letter-Subject", message.subject.as_str()),
        ("Dead-Letter-Reason", why),
    ] {
        // Percent-encoded text is always a valid header value.
        let value: HeaderValue = percent::encode(value).parse().map_err(|error| {
            SourceError::new(SourceErrorKind::Fatal, failed(&format!("invalid header `{name}`"))).with_source(error)
        })?;
        headers.insert(name, value);
    }
    let context = jetstream::new(client.clone());
    let published = context.publish_with_headers(to.clone(), headers, message.payload).await;
    let acked = match published {
        Ok(ack) => ack.await,
        Err(error) => Err(error),
    };
    match acked {
        Ok(_) => Ok(()),
        Err(error) => {
            let message = failed("no ack from a stream");
            Err(SourceError::new(SourceErrorKind::Disconnected, message).with_source(error))
        }
    }
}

//! A hand-written publisher with async-nats alone.

use async_nats::{Client, HeaderMap, HeaderValue, RequestErrorKind};
use driver_events_core::Envelope;

use crate::Failure;

/// Waits until the server has parsed all earlier messages: it replies that the subject has no responders.
pub(super) async fn barrier(client: &Client) -> Result<(), Failure> {
    match client.request("bench.barrier", "".into()).await {
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
        other => Err(format!("unexpected reply to the barrier: {other:?}").into()),
    }
}

pub(super) async fn publish(client: &Client, envelope: &Envelope, has_headers: bool) -> Result<(), Failure> {
    let event = envelope.event().ok_or("a kind that is not known")?;
    let subject = event.nats_subject();
    let payload = event.to_json()?.into();
    match has_headers {
        true => {
            client
                .publish_with_headers(subject, headers(envelope)?, payload)
                .await?
        }
        false => client.publish(subject, payload).await?,
    }
    Ok(())
}

/// The same headers as those of the sink.
pub(super) fn headers(envelope: &Envelope) -> Result<HeaderMap, Failure> {
    let event = envelope.event().ok_or("a kind that is not known")?;
    let goal_id: HeaderValue = event.goal_id().to_string().parse()?;
    let id: HeaderValue = envelope.id().as_str().parse()?;
    let time = envelope.time().ok_or("no time")?;
    let time = time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    let mut headers = HeaderMap::new();
    headers.insert("ce-specversion", "1.0".parse::<HeaderValue>()?);
    headers.insert("Nats-Msg-Id", id.clone());
    headers.insert("ce-id", id);
    headers.insert("ce-source", envelope.source().parse::<HeaderValue>()?);
    headers.insert("ce-type", event.nats_subject().parse::<HeaderValue>()?);
    headers.insert("ce-subject", goal_id.clone());
    headers.insert("ce-time", time.parse::<HeaderValue>()?);
    headers.insert("ce-datacontenttype", "application/json".parse::<HeaderValue>()?);
    headers.insert("ce-partitionkey", goal_id);
    Ok(headers)
}

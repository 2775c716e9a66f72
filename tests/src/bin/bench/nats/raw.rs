//! A hand-written publisher with async-nats alone.

use async_nats::{Client, HeaderMap, HeaderValue, RequestErrorKind};
use chrono::{DateTime, FixedOffset};

use crate::Failure;
use crate::events::Minted;

/// Waits until the server has parsed all earlier messages: it replies that the subject has no responders.
pub(super) async fn barrier(client: &Client) -> Result<(), Failure> {
    match client.request("bench.barrier", "".into()).await {
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
        other => Err(format!("unexpected reply to the barrier: {other:?}").into()),
    }
}

pub(super) async fn publish(client: &Client, event: &Minted, has_headers: bool) -> Result<(), Failure> {
    let payload = event.json()?.into();
    match has_headers {
        true => {
            client
                .publish_with_headers(event.subject, headers(event)?, payload)
                .await?
        }
        false => client.publish(event.subject, payload).await?,
    }
    Ok(())
}

/// The same headers as those of the sink.
pub(super) fn headers(event: &Minted) -> Result<HeaderMap, Failure> {
    let goal_id: HeaderValue = event.goal_id.to_string().parse()?;
    let id: HeaderValue = event.envelope.id().as_str().parse()?;
    let time = event.envelope.time().ok_or("no time")?;
    let time = time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    let mut headers = HeaderMap::new();
    headers.insert("ce-specversion", "1.0".parse::<HeaderValue>()?);
    headers.insert("Nats-Msg-Id", id.clone());
    headers.insert("ce-id", id);
    headers.insert("ce-source", event.envelope.source().parse::<HeaderValue>()?);
    headers.insert("ce-type", event.subject.parse::<HeaderValue>()?);
    headers.insert("ce-subject", goal_id.clone());
    headers.insert("ce-time", time.parse::<HeaderValue>()?);
    headers.insert("ce-datacontenttype", "application/json".parse::<HeaderValue>()?);
    headers.insert("ce-partitionkey", goal_id);
    Ok(headers)
}

/// The attributes that a hand-written reader would use: id, source and time.
pub(super) fn attributes(
    headers: Option<&HeaderMap>,
) -> Result<(String, String, Option<DateTime<FixedOffset>>), Failure> {
    let text = |name: &str| {
        let value = headers.and_then(|headers| headers.get(name));
        value.map(HeaderValue::as_str).unwrap_or_default()
    };
    let time = text("ce-time");
    let time = match time.is_empty() {
        true => None,
        false => Some(DateTime::parse_from_rfc3339(time)?),
    };
    Ok((text("ce-id").to_owned(), text("ce-source").to_owned(), time))
}

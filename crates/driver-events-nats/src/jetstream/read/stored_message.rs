//! Messages as the server returns them in JSON, with headers in base64: bytes that async-nats cannot parse arrive intact.

use bytes::Bytes;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use crate::jetstream::api::{Api, ApiError, json};
use crate::wire::unreadable;

/// JetStream's error code for a sequence without a message.
const NO_MESSAGE_FOUND: u64 = 10_037;

/// A message of a stream.
#[derive(Clone, Debug)]
pub(super) struct StoredMessage {
    /// Bytes that are not UTF-8 are U+FFFD.
    pub(super) subject: String,
    pub(super) sequence: u64,
    /// Block of headers with its first line; empty without headers.
    pub(super) headers: Bytes,
    pub(super) payload: Bytes,
}

#[derive(Serialize)]
struct GetRequest<'a> {
    seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_by_subj: Option<&'a str>,
}

#[derive(Deserialize)]
struct GetResponse {
    message: EncodedMessage,
}

#[derive(Deserialize)]
struct EncodedMessage {
    subject: String,
    seq: u64,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
}

impl StoredMessage {
    /// Returns the message with this sequence, if it exists.
    pub(super) async fn at(api: &Api, stream: &str, sequence: u64) -> Result<Option<Self>, ApiError> {
        Self::get(api, stream, sequence, None).await
    }

    /// Returns the first message with this sequence or a later one on one of the subjects.
    pub(super) async fn first_from(
        api: &Api,
        stream: &str,
        sequence: u64,
        subjects: &[String],
    ) -> Result<Option<Self>, ApiError> {
        let mut first: Option<Self> = None;
        for subject in subjects {
            let found = Self::get(api, stream, sequence, Some(subject)).await?;
            first = match (first, found) {
                (Some(first), Some(found)) if first.sequence <= found.sequence => Some(first),
                (first, found) => found.or(first),
            };
        }
        Ok(first)
    }

    /// Returns why async-nats cannot read the message; `None` if it can.
    pub(super) fn unreadable_reason(&self) -> Option<&'static str> {
        unreadable::reason(&self.subject, &self.headers)
    }

    async fn get(api: &Api, stream: &str, seq: u64, next_by_subj: Option<&str>) -> Result<Option<Self>, ApiError> {
        let request = json(&GetRequest { seq, next_by_subj })?;
        let subject = Self::request_subject(stream);
        let response: Result<GetResponse, ApiError> = api.request_with_retry(&subject, request).await;
        match response {
            Ok(GetResponse { message }) => Ok(Some(Self {
                headers: decode(&message.hdrs)?,
                payload: decode(&message.data)?,
                subject: message.subject,
                sequence: message.seq,
            })),
            Err(error) if error.code() == Some(NO_MESSAGE_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the request by which messages are looked up, without the prefix of the API.
    pub(super) fn request_subject(stream: &str) -> String {
        format!("STREAM.MSG.GET.{stream}")
    }
}

fn decode(base64: &str) -> Result<Bytes, ApiError> {
    let decoded = BASE64.decode(base64.as_bytes());
    decoded.map(Bytes::from).map_err(|error| ApiError::Failed(error.into()))
}

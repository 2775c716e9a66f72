use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::Info;
use bytes::Bytes;
use driver_events_core::{Fate, SinkError, SinkErrorKind};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::jetstream::api::Api;
use crate::jetstream::stream::{STREAM_NOT_FOUND, lookup_request};

/// Time to live of the cached lookup.
const STREAM_LOOKUP_TTL: Duration = Duration::from_secs(1);
const STREAM_LOOKUP_TIMEOUT: Duration = Duration::from_secs(1);

/// Looks up whether the stream was deleted. While another subscriber receives the events, the server does not report "no
/// responders", and a deleted stream looks like a slow one.
#[derive(Debug)]
pub(super) struct StreamLookup {
    api: Api,
    stream: Arc<str>,
    /// Time and result of the last lookup. Held across the lookup, so concurrent callers share one request.
    last: Mutex<Option<(Instant, bool)>>,
}

impl StreamLookup {
    pub(super) fn new(api: Api, stream: Arc<str>) -> Self {
        Self {
            api,
            stream,
            last: Mutex::default(),
        }
    }

    /// Fails if the stream was deleted.
    pub(super) async fn check_exists(&self) -> Result<(), SinkError> {
        let stream = &self.stream;
        let mut last = self.last.lock().await;
        let exists = match *last {
            Some((when, exists)) if when.elapsed() < STREAM_LOOKUP_TTL => exists,
            _ => {
                let request = lookup_request(stream);
                let lookup = self.api.request::<Info>(&request, Bytes::new());
                let lookup = timeout(STREAM_LOOKUP_TIMEOUT, lookup).await;
                // Without a response the stream may exist: the failure is cached too, so that lookups stay rare.
                let exists = !matches!(lookup, Ok(Err(error)) if error.code() == Some(STREAM_NOT_FOUND));
                *last = Some((Instant::now(), exists));
                exists
            }
        };
        if exists {
            return Ok(());
        }
        let message = format!("stream `{stream}` was deleted: create it again");
        Err(SinkError::new(SinkErrorKind::Disconnected, message).with_fate(Fate::NotSent))
    }
}

use std::error::Error;
use std::future::pending;
use std::time::Duration;

use async_nats::jetstream::response::Response;
use async_nats::{Request, RequestErrorKind};
use bytes::Bytes;
use driver_events_core::{SetupError, SetupErrorKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};

use crate::connection::{NatsConnection, Refusal};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Transient errors are retried for this time.
const RETRY_TIMEOUT: Duration = Duration::from_secs(5);
/// HTTP-like code of API errors.
const SERVICE_UNAVAILABLE: usize = 503;
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// JetStream API requests, `$JS.API.…`.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    connection: NatsConnection,
    prefix: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("JetStream returned an error")]
    Response(#[source] async_nats::jetstream::Error),
    /// No responders.
    #[error("JetStream is disabled for this account, or has no leader")]
    Unavailable,
    #[error("JetStream request timed out: check the server, and the permissions")]
    TimedOut,
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The connection is closed, or the response is invalid.
    #[error("request failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl Api {
    pub(crate) fn new(connection: NatsConnection, domain: Option<&str>) -> Self {
        let prefix = match domain {
            Some(domain) => format!("$JS.{domain}.API"),
            None => "$JS.API".to_owned(),
        };
        Self { connection, prefix }
    }

    pub(crate) fn connection(&self) -> &NatsConnection {
        &self.connection
    }

    /// Returns the full subject of a request.
    pub(crate) fn subject(&self, request: &str) -> String {
        format!("{}.{request}", self.prefix)
    }

    /// Sends a request once.
    pub(crate) async fn request<T: DeserializeOwned>(&self, request: &str, body: Bytes) -> Result<T, ApiError> {
        let client = self.connection.current_client();
        let subject = self.subject(request);
        // An inbox for this request only: the client leaks an entry for each unanswered request on its shared inbox.
        let inbox = client.new_inbox();
        let start = Instant::now();
        let request = Request::new().inbox(inbox.clone()).payload(body).timeout(None);
        let response = tokio::select! {
            biased;
            response = client.send_request(subject.clone(), request) => match response {
                Ok(response) => response,
                Err(error) if error.kind() == RequestErrorKind::NoResponders => return Err(ApiError::Unavailable),
                Err(error) => return Err(ApiError::Failed(error.into())),
            },
            refusal = self.refused(&subject, &inbox, start) => return Err(ApiError::Refused(refusal)),
            () = sleep(REQUEST_TIMEOUT) => return Err(ApiError::TimedOut),
        };
        match serde_json::from_slice(&response.payload) {
            Ok(Response::Ok(response)) => Ok(response),
            Ok(Response::Err { error }) => Err(ApiError::Response(error)),
            Err(error) => Err(ApiError::Failed(error.into())),
        }
    }

    /// Waits until the server refuses the request, or the inbox of its response.
    async fn refused(&self, subject: &str, inbox: &str, start: Instant) -> Refusal {
        let mut status = self.connection.monitor().watch();
        loop {
            // Each server error changes the status.
            status.mark_unchanged();
            let refused = self.connection.refused_publish_within(subject, start.elapsed());
            if let Some(refusal) = refused.or_else(|| self.connection.refused_inbox(inbox)) {
                return refusal;
            }
            if status.changed().await.is_err() {
                return pending().await;
            }
        }
    }

    /// Sends a request, and retries transient errors, such as during a leader election.
    pub(crate) async fn request_with_retry<T: DeserializeOwned>(
        &self,
        request: &str,
        body: Bytes,
    ) -> Result<T, ApiError> {
        let deadline = Instant::now() + RETRY_TIMEOUT;
        loop {
            match self.request(request, body.clone()).await {
                Err(error) if error.is_transient() && Instant::now() < deadline => sleep(RETRY_DELAY).await,
                result => return result,
            }
        }
    }
}

/// Encodes the body of a request.
pub(crate) fn json(body: &impl Serialize) -> Result<Bytes, ApiError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|error| ApiError::Failed(error.into()))
}

impl ApiError {
    /// Returns JetStream's error code.
    pub(crate) fn code(&self) -> Option<u64> {
        match self {
            Self::Response(error) => Some(error.error_code().0),
            _ => None,
        }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Response(error) => error.code() >= 500,
            Self::Unavailable => true,
            _ => false,
        }
    }

    pub(crate) fn into_setup_error(self, message: &str) -> SetupError {
        let kind = match self {
            // JetStream is disabled for the account, or has no leader yet.
            Self::Response(ref error) if error.code() == SERVICE_UNAVAILABLE => SetupErrorKind::Unreachable,
            Self::Response(_) => SetupErrorKind::Invalid,
            Self::Refused(_) => SetupErrorKind::Unauthorized,
            Self::Unavailable | Self::TimedOut | Self::Failed(_) => SetupErrorKind::Unreachable,
        };
        SetupError::new(kind, message).with_source(self)
    }
}

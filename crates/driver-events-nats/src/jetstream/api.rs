use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_nats::jetstream::response::Response;
use async_nats::{Request, RequestErrorKind};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

use crate::connection::Connection;
use crate::connection_state::ConnectionState;
use crate::{SetupError, SetupErrorKind};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Transient errors are retried for this time.
const RETRY_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// JetStream API requests, `$JS.API.…`.
#[derive(Clone, Debug)]
pub(super) struct Api {
    connection: Connection,
    prefix: String,
}

#[derive(Debug)]
pub(super) enum ApiError {
    /// JetStream replied with an error.
    Response(async_nats::jetstream::Error),
    /// No responders: JetStream is disabled for the account, or has no leader.
    Unavailable,
    TimedOut,
    /// The server denied the request, or the subscription for its response.
    PermissionDenied,
    /// The server rejected the credentials, for this reason.
    CredentialsRejected(String),
    /// The connection is closed, or the response is invalid.
    Failed(Box<dyn Error + Send + Sync>),
}

impl Api {
    pub(super) fn new(connection: Connection, domain: Option<&str>) -> Self {
        let prefix = match domain {
            Some(domain) => format!("$JS.{domain}.API"),
            None => "$JS.API".to_owned(),
        };
        Self { connection, prefix }
    }

    /// Returns the full subject of a request.
    pub(super) fn subject(&self, request: &str) -> String {
        format!("{}.{request}", self.prefix)
    }

    /// Sends a request once.
    pub(super) async fn request<T: DeserializeOwned>(&self, request: &str, body: Bytes) -> Result<T, ApiError> {
        let client = self.connection.client();
        let subject = self.subject(request);
        // An inbox for this request only: the client leaks an entry for each unanswered request on its shared inbox.
        let inbox = client.new_inbox();
        let denials_before = self.publish_denials(&subject);
        let request = Request::new().inbox(inbox.clone()).payload(body).timeout(None);
        let response = match timeout(REQUEST_TIMEOUT, client.send_request(subject.clone(), request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => return Err(ApiError::Unavailable),
            Ok(Err(error)) => return Err(ApiError::Failed(error.into())),
            Err(_) => return Err(self.timeout_cause(self.publish_denials(&subject) > denials_before, &inbox)),
        };
        match serde_json::from_slice(&response.payload) {
            Ok(Response::Ok(response)) => Ok(response),
            Ok(Response::Err { error }) => Err(ApiError::Response(error)),
            Err(error) => Err(ApiError::Failed(error.into())),
        }
    }

    /// Sends a request, and retries transient errors, such as during a leader election.
    pub(super) async fn request_with_retry<T: DeserializeOwned>(
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

    /// Returns why no response arrived.
    fn timeout_cause(&self, is_denied: bool, inbox: &str) -> ApiError {
        if let Some(reason) = self.connection.auth_error() {
            return ApiError::CredentialsRejected(reason.to_string());
        }
        let denies_inbox = |state: &ConnectionState| state.is_subscribe_denied(|denied| inbox.starts_with(denied));
        if is_denied || self.connection.state().is_some_and(denies_inbox) {
            ApiError::PermissionDenied
        } else {
            ApiError::TimedOut
        }
    }

    /// Returns how often the server has denied this request; 0 if the caller created the client.
    fn publish_denials(&self, subject: &str) -> u64 {
        let state = self.connection.state();
        state.map_or(0, |state| state.publish_violations(|denied| denied == subject).0)
    }
}

/// Encodes the body of a request.
pub(super) fn json(body: &impl Serialize) -> Result<Bytes, ApiError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|error| ApiError::Failed(error.into()))
}

impl ApiError {
    /// Returns JetStream's error code.
    pub(super) fn code(&self) -> Option<u64> {
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

    pub(super) fn into_setup_error(self, message: &str) -> SetupError {
        let kind = match self {
            Self::Response(_) => SetupErrorKind::Invalid,
            Self::PermissionDenied | Self::CredentialsRejected(_) => SetupErrorKind::Unauthorized,
            Self::Unavailable | Self::TimedOut | Self::Failed(_) => SetupErrorKind::Unreachable,
        };
        SetupError::new(kind, message).with_source(self)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Response(_) => f.write_str("JetStream returned an error"),
            Self::Unavailable => f.write_str("JetStream is disabled for this account, or has no leader"),
            Self::TimedOut => f.write_str("JetStream request timed out: check the server, and the permissions"),
            Self::PermissionDenied => f.write_str("no permission for the request, or for its reply inbox"),
            Self::CredentialsRejected(reason) => write!(f, "the NATS server rejects the credentials: {reason}"),
            Self::Failed(_) => f.write_str("request failed"),
        }
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Response(error) => Some(error),
            Self::Failed(error) => Some(&**error),
            _ => None,
        }
    }
}

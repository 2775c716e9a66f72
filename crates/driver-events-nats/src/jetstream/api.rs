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

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before JetStream is asked again while it is not there.
const PAUSE: Duration = Duration::from_millis(100);

/// The requests by which streams and consumers are looked at and made, `$JS.API.…`.
#[derive(Clone, Debug)]
pub(super) struct Api {
    connection: Connection,
    prefix: String,
}

/// Why there is no answer, or what the answer is when it is no.
#[derive(Debug)]
pub(super) enum ApiError {
    /// JetStream says no.
    Refused(async_nats::jetstream::Error),
    /// Nobody serves requests: JetStream is off for this account, or has no leader now.
    Absent,
    /// No answer in time.
    Silent,
    /// The server does not permit the request.
    Denied,
    /// The server refuses the credentials, and says why.
    Credentials(String),
    /// The connection has ended, or the answer cannot be read.
    Broken(Box<dyn Error + Send + Sync>),
}

impl Api {
    pub(super) fn new(connection: Connection, domain: Option<&str>) -> Self {
        let prefix = match domain {
            Some(domain) => format!("$JS.{domain}.API"),
            None => "$JS.API".to_owned(),
        };
        Self { connection, prefix }
    }

    /// The full subject of a request.
    pub(super) fn subject(&self, request: &str) -> String {
        format!("{}.{request}", self.prefix)
    }

    /// Asks once. A request that needs no body takes none.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: &str, body: Bytes) -> Result<T, ApiError> {
        let client = self.connection.client();
        let subject = self.subject(request);
        // An inbox of its own, which is forgotten with the request: the client never forgets a shared one's requests.
        let inbox = client.new_inbox();
        let refused_before = self.publish_violations(&subject);
        let request = Request::new().inbox(inbox.clone()).payload(body).timeout(None);
        let answer = match timeout(PATIENCE, client.send_request(subject.clone(), request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => return Err(ApiError::Absent),
            Ok(Err(error)) => return Err(ApiError::Broken(error.into())),
            Err(_) => return Err(self.silence(self.publish_violations(&subject) > refused_before, &inbox)),
        };
        match serde_json::from_slice(&answer.payload) {
            Ok(Response::Ok(answer)) => Ok(answer),
            Ok(Response::Err { error }) => Err(ApiError::Refused(error)),
            Err(error) => Err(ApiError::Broken(error.into())),
        }
    }

    /// Asks again for a while where JetStream is not there, as while a cluster elects a leader.
    pub(super) async fn ask_patiently<T: DeserializeOwned>(&self, request: &str, body: Bytes) -> Result<T, ApiError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.ask(request, body.clone()).await {
                Err(error) if error.may_pass() && Instant::now() < deadline => sleep(PAUSE).await,
                answer => return answer,
            }
        }
    }

    /// Why no answer came.
    fn silence(&self, was_refused: bool, inbox: &str) -> ApiError {
        if let Some(why) = self.connection.auth_error() {
            return ApiError::Credentials(why.to_string());
        }
        let refuses_inbox = |state: &ConnectionState| state.is_subscribe_denied(|refused| inbox.starts_with(refused));
        if was_refused || self.connection.state().is_some_and(refuses_inbox) {
            ApiError::Denied
        } else {
            ApiError::Silent
        }
    }

    /// How often the server refused this request so far, where that is told.
    fn publish_violations(&self, subject: &str) -> u64 {
        let state = self.connection.state();
        state.map_or(0, |state| state.publish_violations(|refused| refused == subject).0)
    }
}

/// The body of a request.
pub(super) fn json(body: &impl Serialize) -> Result<Bytes, ApiError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|error| ApiError::Broken(error.into()))
}

impl ApiError {
    /// The number by which JetStream names what is wrong.
    pub(super) fn code(&self) -> Option<u64> {
        match self {
            Self::Refused(error) => Some(error.error_code().0),
            _ => None,
        }
    }

    /// Whether it may be otherwise in a moment, without anybody doing anything.
    fn may_pass(&self) -> bool {
        match self {
            Self::Refused(error) => error.code() >= 500,
            Self::Absent => true,
            _ => false,
        }
    }

    pub(super) fn into_setup_error(self, what: &str) -> SetupError {
        let kind = match self {
            Self::Refused(_) => SetupErrorKind::Invalid,
            Self::Denied | Self::Credentials(_) => SetupErrorKind::Unauthorized,
            Self::Absent | Self::Silent | Self::Broken(_) => SetupErrorKind::Unreachable,
        };
        SetupError::new(kind, what).with_source(self)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(_) => f.write_str("JetStream refuses it"),
            Self::Absent => f.write_str("JetStream is not there: it is off for this account, or has no leader"),
            Self::Silent => f.write_str("JetStream did not answer in time, as where the request is not permitted"),
            Self::Denied => f.write_str("the server does not permit the request, or the subscription for its answer"),
            Self::Credentials(why) => write!(f, "the server refuses the credentials: {why}"),
            Self::Broken(_) => f.write_str("the request failed"),
        }
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(error) => Some(error),
            Self::Broken(error) => Some(&**error),
            _ => None,
        }
    }
}

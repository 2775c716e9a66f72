use std::error::Error;
use std::future::pending;
use std::time::Duration;

use async_nats::jetstream::{self, response::Response};
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
    Response(#[source] jetstream::Error),
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

    /// Returns JetStream's description of the error.
    pub(crate) fn description(&self) -> Option<String> {
        match self {
            Self::Response(error) => Some(error.to_string()),
            _ => None,
        }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Response(error) => classify(error) == (SetupErrorKind::Unreachable, None),
            Self::Unavailable => true,
            _ => false,
        }
    }

    pub(crate) fn into_setup_error(self, message: &str) -> SetupError {
        let (kind, remedy) = match &self {
            Self::Response(error) => classify(error),
            Self::Refused(_) => (SetupErrorKind::Unauthorized, None),
            Self::Unavailable | Self::TimedOut | Self::Failed(_) => (SetupErrorKind::Unreachable, None),
        };
        let message = match remedy {
            Some(remedy) => format!("{message}: {remedy}"),
            None => message.to_owned(),
        };
        SetupError::new(kind, message).with_source(self)
    }
}

/// Returns the kind of a JetStream error, and what to do unless its description says so. A limit that is reached is
/// `Unreachable`: the server's operator raises it, or others make room.
fn classify(error: &jetstream::Error) -> (SetupErrorKind, Option<&'static str>) {
    use SetupErrorKind::{Incompatible, Invalid, NotFound, Unreachable};
    match error.error_code().0 {
        10_002 | 10_053 => (
            Unreachable,
            Some("the account has reached a limit: delete streams or messages, or raise the limit"),
        ),
        10_023 | 10_028 | 10_047 => (
            Unreachable,
            Some("the server or the account has no storage or memory left: free some, or raise the limit"),
        ),
        10_026 => (
            Unreachable,
            Some("delete unused consumers, or raise the limit of the stream, the account or the server"),
        ),
        10_027 => (
            Unreachable,
            Some("delete unused streams, or raise the limit of the account"),
        ),
        10_005 => (
            Unreachable,
            Some("too few servers with enough room: start servers, free room, or use fewer replicas"),
        ),
        10_120 => (
            Unreachable,
            Some("set the account's JetStream limits for this number of replicas"),
        ),
        // A member is joining or leaving the cluster.
        10_202 => (Unreachable, None),
        // Reported with a code of the server's own failures.
        10_052 | 10_074 => (Invalid, None),
        10_113 | 10_122 => (Invalid, Some("set a `max_bytes` within the account's limit")),
        10_013 | 10_105 | 10_148 => (
            Incompatible,
            Some("choose another name, or delete the existing consumer"),
        ),
        10_098..=10_101 => (
            Incompatible,
            Some(
                "the work queue stream allows one consumer for each subject: delete the other one, or use another stream",
            ),
        ),
        10_093 | 10_109 | 10_126 | 10_134 => (Incompatible, Some("use another stream, or change its settings")),
        _ => match error.code() {
            404 => (NotFound, None),
            429 | 500.. => (Unreachable, None),
            _ => (Invalid, None),
        },
    }
}

#[cfg(test)]
mod tests {
    use driver_events_core::SetupErrorKind::{self, Incompatible, Invalid, NotFound, Unreachable};
    use serde_json::json;

    use super::ApiError;

    /// Status and code of a response.
    type Code = (usize, u64);

    #[test]
    fn each_jetstream_error_has_the_kind_of_its_remedy() {
        let kinds: [(SetupErrorKind, bool, &[Code]); 5] = [
            // Retried at once.
            (
                Unreachable,
                true,
                &[
                    (503, 10_008),
                    (500, 10_009),
                    (503, 10_039),
                    (500, 10_118),
                    (429, 10_167),
                    (400, 10_202),
                ],
            ),
            // Retried by the caller.
            (
                Unreachable,
                false,
                &[
                    (400, 10_002),
                    (400, 10_026),
                    (400, 10_027),
                    (500, 10_028),
                    (500, 10_047),
                    (503, 10_023),
                ],
            ),
            (NotFound, false, &[(404, 10_014), (404, 10_059), (404, 10_037)]),
            (
                Incompatible,
                false,
                &[(400, 10_013), (400, 10_100), (400, 10_109), (400, 10_148)],
            ),
            (
                Invalid,
                false,
                &[
                    (500, 10_052),
                    (500, 10_074),
                    (400, 10_121),
                    (400, 10_113),
                    (400, 19_999),
                ],
            ),
        ];
        for (kind, is_transient, errors) in kinds {
            for (code, err_code) in errors {
                let json = json!({ "code": code, "err_code": err_code, "description": "" });
                let error = ApiError::Response(serde_json::from_value(json).unwrap());
                assert_eq!(error.is_transient(), is_transient, "{err_code}");
                assert_eq!(error.into_setup_error("").kind(), kind, "{err_code}");
            }
        }
    }
}

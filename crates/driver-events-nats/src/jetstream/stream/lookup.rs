use async_nats::jetstream::stream::Info;
use bytes::Bytes;
use driver_events_core::{SetupError, SetupErrorKind};

use crate::jetstream::api::{Api, ApiError};

/// JetStream's error code for an unknown stream.
pub(crate) const STREAM_NOT_FOUND: u64 = 10_059;

/// Looks up a stream by name.
///
/// # Errors
/// `NotFound` if it does not exist.
pub(crate) async fn look_up(api: &Api, stream: &str) -> Result<Info, SetupError> {
    check_name(stream)?;
    api.request_with_retry(&lookup_request(stream), Bytes::new())
        .await
        .map_err(|error| lookup_error(stream, error))
}

/// Returns the API request of a lookup.
pub(crate) fn lookup_request(stream: &str) -> String {
    format!("STREAM.INFO.{stream}")
}

pub(crate) fn lookup_error(stream: &str, error: ApiError) -> SetupError {
    if error.code() == Some(STREAM_NOT_FOUND) {
        let message = format!("stream `{stream}` does not exist: create it, or correct the name");
        return SetupError::new(SetupErrorKind::NotFound, message).with_source(error);
    }
    error.into_setup_error(&format!("cannot look up stream `{stream}`"))
}

/// Checks the name of a stream or a consumer, which becomes a token of API subjects.
pub(crate) fn check_name(name: &str) -> Result<(), SetupError> {
    let is_valid = !name.is_empty()
        && !name.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '.' | '*' | '>' | '/' | '\\'));
    if is_valid {
        return Ok(());
    }
    Err(SetupError::invalid(format!(
        "invalid name {name:?}: use one word without `.`, `*`, `>`, `/` and `\\`"
    )))
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_are_single_tokens() {
        assert!(check_name("DRIVER_events-1").is_ok());
        for name in ["", "a.b", "a b", "a*", ">", "a/b", "a\\b", "a\r\n"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}

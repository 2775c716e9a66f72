//! Files and servers behind a URL, with one cargo feature for each client library.

pub(crate) mod file;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "nats")]
mod nats;

#[cfg(feature = "spool")]
pub(crate) mod spool;

pub(crate) mod remote;
#[cfg(unix)]
mod wait_readable;

use std::sync::Arc;

use self::remote::{RemoteSink, RemoteSource};
use crate::url::{Url, UrlError};

/// Transport with a cargo feature.
struct Transport {
    name: &'static str,
    schemes: &'static [&'static str],
    feature: &'static str,
    is_enabled: bool,
}

const TRANSPORTS: [Transport; 3] = [
    Transport {
        name: "NATS",
        schemes: &["nats", "tls", "jetstream"],
        feature: "nats",
        is_enabled: cfg!(feature = "nats"),
    },
    Transport {
        name: "Kafka",
        schemes: &["kafka"],
        feature: "kafka",
        is_enabled: cfg!(feature = "kafka"),
    },
    Transport {
        name: "a spool",
        schemes: &["spool"],
        feature: "spool",
        is_enabled: cfg!(feature = "spool"),
    },
];

pub(crate) fn sink(url: &Url<'_>) -> Result<Arc<dyn RemoteSink>, UrlError> {
    match url.scheme.as_str() {
        #[cfg(feature = "nats")]
        "nats" | "tls" | "jetstream" => nats::sink(url),
        #[cfg(feature = "kafka")]
        "kafka" => kafka::sink(url),
        scheme => Err(unknown_scheme(scheme, "stdout:")),
    }
}

pub(crate) fn source(url: &Url<'_>) -> Result<Arc<dyn RemoteSource>, UrlError> {
    match url.scheme.as_str() {
        #[cfg(feature = "nats")]
        "nats" | "tls" | "jetstream" => nats::source(url),
        #[cfg(feature = "kafka")]
        "kafka" => kafka::source(url),
        scheme => Err(unknown_scheme(scheme, "stdin:")),
    }
}

/// Returns the error for a scheme that is unknown or whose transport is not compiled in.
fn unknown_scheme(scheme: &str, standard: &str) -> UrlError {
    let is_disabled = |transport: &&Transport| transport.schemes.contains(&scheme) && !transport.is_enabled;
    UrlError::new(match TRANSPORTS.iter().find(is_disabled) {
        Some(Transport { name, feature, .. }) => {
            format!("this build does not support {name}: enable the cargo feature `{feature}`")
        }
        None => format!(
            "unknown scheme `{scheme}:`: expected `{standard}`, `file:`, `nats:`, `tls:`, `jetstream:` or `kafka:`"
        ),
    })
}

//! Servers as targets and as sources. The features of the build say which.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use clap::Args;
use driver_events_core::{DriverEventSource, SourceError};

#[cfg(feature = "kafka")]
use crate::kafka;
#[cfg(feature = "nats")]
use crate::nats;
use crate::open_error::OpenError;
use crate::tail::Reading;
use crate::target::{Opened, Opening};
use crate::url::{Url, UrlError};

/// Who connects to servers, and whom it trusts.
#[derive(Clone, Debug, Args)]
pub(crate) struct Connecting {
    #[cfg(feature = "nats")]
    #[command(flatten)]
    pub(crate) nats: nats::NatsArguments,
    #[cfg(feature = "kafka")]
    #[command(flatten)]
    pub(crate) kafka: kafka::KafkaArguments,
}

/// How a server is spoken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Core NATS.
    Nats,
    JetStream,
    Kafka,
}

/// A target on a server.
#[async_trait]
pub(crate) trait RemoteTarget: fmt::Debug + Send + Sync {
    fn protocol(&self) -> Protocol;

    /// Makes the sink of the target of this name.
    async fn open(&self, name: &str, opening: &Opening) -> Result<Opened, OpenError>;
}

/// A place on a server that is read.
#[async_trait]
pub(crate) trait RemoteOrigin: fmt::Debug + Send + Sync {
    fn protocol(&self) -> Protocol;

    /// Whether the URL says where to begin.
    fn has_start(&self) -> bool {
        false
    }

    async fn open(&self, reading: &Reading) -> Result<Box<dyn RemoteSource>, OpenError>;
}

/// What a server is read with.
#[async_trait]
pub(crate) trait RemoteSource: DriverEventSource {
    /// Gives back what was not answered, and waits until the server has all answers.
    async fn close(self: Box<Self>) -> Result<(), SourceError>;
}

/// What this program may be built with.
struct Transport {
    name: &'static str,
    schemes: &'static [&'static str],
    feature: &'static str,
    is_built_in: bool,
}

const TRANSPORTS: [Transport; 2] = [
    Transport {
        name: "NATS",
        schemes: &["nats", "tls", "jetstream"],
        feature: "nats",
        is_built_in: cfg!(feature = "nats"),
    },
    Transport {
        name: "Kafka",
        schemes: &["kafka"],
        feature: "kafka",
        is_built_in: cfg!(feature = "kafka"),
    },
];

pub(crate) fn target(url: &Url<'_>) -> Result<Arc<dyn RemoteTarget>, UrlError> {
    match url.scheme.as_str() {
        #[cfg(feature = "nats")]
        "nats" | "tls" | "jetstream" => nats::target(url),
        #[cfg(feature = "kafka")]
        "kafka" => kafka::target(url),
        scheme => Err(not_built_in(scheme).unwrap_or_else(|| {
            UrlError::new(format!(
                "there is no target `{scheme}:`, but `stdout:`, `file:`, `nats:`, `tls:`, `jetstream:` and `kafka:`"
            ))
        })),
    }
}

pub(crate) fn origin(url: &Url<'_>) -> Result<Arc<dyn RemoteOrigin>, UrlError> {
    match url.scheme.as_str() {
        #[cfg(feature = "nats")]
        "nats" | "tls" | "jetstream" => nats::origin(url),
        #[cfg(feature = "kafka")]
        "kafka" => kafka::origin(url),
        scheme => Err(not_built_in(scheme).unwrap_or_else(|| {
            UrlError::new("it is neither `-` nor a `file:`, `nats:`, `tls:`, `jetstream:` or `kafka:` URL")
        })),
    }
}

/// The error for a URL of a server that this build does not know.
fn not_built_in(scheme: &str) -> Option<UrlError> {
    let transport = TRANSPORTS
        .iter()
        .find(|transport| transport.schemes.contains(&scheme) && !transport.is_built_in)?;
    Some(UrlError::new(format!(
        "this program was built without {}: `cargo install driver-events-cli --features {}` builds one with it",
        transport.name, transport.feature
    )))
}

/// The features of this build, as cargo names them.
pub(crate) fn features() -> String {
    let mut features: Vec<&str> = TRANSPORTS
        .iter()
        .filter(|transport| transport.is_built_in)
        .map(|transport| transport.feature)
        .collect();
    if cfg!(feature = "kafka-tls") {
        features.push("kafka-tls");
    }
    match features.as_slice() {
        [] => "none".to_owned(),
        features => features.join(", "),
    }
}

//! Targets and sources on a server, one transport per cargo feature.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use clap::Args;
use driver_events_core::DriverEventSource;

#[cfg(feature = "kafka")]
use crate::kafka;
#[cfg(feature = "nats")]
use crate::nats;
use crate::open_error::OpenError;
use crate::tail::ReadOptions;
use crate::target::{OpenedTarget, TargetOptions};
use crate::url::{Url, UrlError};

/// Credentials, certificates and client settings.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConnectionArguments {
    #[cfg(feature = "nats")]
    #[command(flatten)]
    pub(crate) nats: nats::NatsArguments,
    #[cfg(feature = "kafka")]
    #[command(flatten)]
    pub(crate) kafka: kafka::KafkaArguments,
}

/// Protocol of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Nats,
    JetStream,
    Kafka,
}

/// Parsed URL of a target on a server.
#[async_trait]
pub(crate) trait RemoteTarget: fmt::Debug + Send + Sync {
    fn protocol(&self) -> Protocol;

    /// Creates the sink. `name` is the target's name in messages.
    async fn open(&self, name: &str, options: &TargetOptions) -> Result<OpenedTarget, OpenError>;
}

/// Parsed URL of a source on a server.
#[async_trait]
pub(crate) trait RemoteSourceUrl: fmt::Debug + Send + Sync {
    fn protocol(&self) -> Protocol;

    /// Returns whether the URL sets the start position.
    fn has_start(&self) -> bool {
        false
    }

    async fn open(&self, reading: &ReadOptions) -> Result<Box<dyn DriverEventSource>, OpenError>;
}

/// Optional transport of this program.
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
                "unknown scheme `{scheme}:`: expected `stdout:`, `file:`, `nats:`, `tls:`, `jetstream:` or `kafka:`"
            ))
        })),
    }
}

pub(crate) fn source_url(url: &Url<'_>) -> Result<Arc<dyn RemoteSourceUrl>, UrlError> {
    match url.scheme.as_str() {
        #[cfg(feature = "nats")]
        "nats" | "tls" | "jetstream" => nats::source_url(url),
        #[cfg(feature = "kafka")]
        "kafka" => kafka::source_url(url),
        scheme => Err(not_built_in(scheme).unwrap_or_else(|| {
            UrlError::new("expected `-` or a `file:`, `nats:`, `tls:`, `jetstream:` or `kafka:` URL")
        })),
    }
}

/// Returns the error for a transport that is not compiled in.
fn not_built_in(scheme: &str) -> Option<UrlError> {
    let transport = TRANSPORTS
        .iter()
        .find(|transport| transport.schemes.contains(&scheme) && !transport.is_built_in)?;
    Some(UrlError::new(format!(
        "this build does not support {}: run `cargo install driver-events-cli --features {}`",
        transport.name, transport.feature
    )))
}

/// Returns the enabled cargo features.
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

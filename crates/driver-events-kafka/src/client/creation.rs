//! Creates librdkafka clients.

use driver_events_core::SetupError;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use tracing::Level;

use super::properties::needs_tls;

/// Creates a client whose log level is that of `tracing` for the target `librdkafka`.
///
/// # Errors
/// librdkafka rejects the properties.
pub(crate) fn create<C, T>(config: &ClientConfig, context: C) -> Result<T, SetupError>
where
    C: ClientContext,
    T: FromClientConfigAndContext<C>,
{
    // Prevents OpenSSL from freeing its state when the process exits: librdkafka's threads use it until they end, and a
    // handshake would read freed memory. Has no effect if the process initialized OpenSSL otherwise before.
    #[cfg(feature = "tls")]
    openssl_sys::init();
    let mut config = config.clone();
    let log_level = max_log_level();
    if log_level as i32 > config.log_level as i32 {
        config.set_log_level(log_level);
    }
    config
        .create_with_context(context)
        .map_err(|error| creation_error(error, &config))
}

/// Returns the most verbose level that is enabled for the target `librdkafka`.
fn max_log_level() -> RDKafkaLogLevel {
    if tracing::enabled!(target: "librdkafka", Level::DEBUG) {
        RDKafkaLogLevel::Debug
    } else if tracing::enabled!(target: "librdkafka", Level::INFO) {
        RDKafkaLogLevel::Info
    } else if tracing::enabled!(target: "librdkafka", Level::WARN) {
        RDKafkaLogLevel::Warning
    } else {
        RDKafkaLogLevel::Error
    }
}

/// Returns the error of creating a client. librdkafka's text repeats the value of the invalid property, which may be a
/// secret, so only the property's name is kept.
fn creation_error(error: KafkaError, config: &ClientConfig) -> SetupError {
    if needs_tls(config) && !cfg!(feature = "tls") {
        let message = "TLS and the SASL mechanisms SCRAM and OAUTHBEARER need the feature `tls` of driver-events-kafka";
        return SetupError::invalid(message);
    }
    match error {
        KafkaError::ClientConfig(_, _, property, _) => SetupError::invalid(format!(
            "invalid property `{}`: its name is unknown to this build of librdkafka, or its value is invalid",
            property.escape_debug()
        )),
        // Names conflicting properties without their values.
        error => SetupError::invalid("librdkafka rejects the properties").with_source(error),
    }
}

//! Creates librdkafka clients.

use std::fmt;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use tracing::Level;

use crate::SetupError;
use crate::properties::is_true;

/// Creates a client whose log level is that of `tracing` for the target `librdkafka`.
///
/// # Errors
/// librdkafka rejects the properties.
pub(crate) fn create<C, T>(config: &ClientConfig, context: C) -> Result<T, SetupError>
where
    C: ClientContext,
    T: FromClientConfigAndContext<C>,
{
    let mut config = config.clone();
    let log_level = max_log_level();
    if log_level as i32 > config.log_level as i32 {
        config.set_log_level(log_level);
    }
    let setup_error = |error| match needs_tls(&config) && !cfg!(feature = "tls") {
        true => SetupError::without_tls(),
        false => SetupError::from_client(error),
    };
    config.create_with_context(context).map_err(setup_error)
}

/// Returns whether the properties need a token provider: librdkafka does not get the tokens itself.
pub(crate) fn needs_token_provider(config: &ClientConfig) -> bool {
    let is = |name: &str, wanted: fn(&str) -> bool| config.get(name).is_some_and(wanted);
    let is_by_token = |mechanism: &str| mechanism == "OAUTHBEARER";
    (is("sasl.mechanism", is_by_token) || is("sasl.mechanisms", is_by_token))
        && !is("enable.sasl.oauthbearer.unsecure.jwt", is_true)
        && !is("sasl.oauthbearer.method", |method| method.eq_ignore_ascii_case("oidc"))
}

/// The names of the properties, for `Debug`: any value may be a secret, even that of an unknown property.
pub(crate) struct PropertyNames<'a>(pub(crate) &'a ClientConfig);

impl fmt::Debug for PropertyNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.config_map().keys()).finish()
    }
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

/// Returns whether the properties need OpenSSL.
fn needs_tls(config: &ClientConfig) -> bool {
    let is = |names: &[&str], needs: fn(&str) -> bool| {
        let mut values = names.iter().filter_map(|name| config.get(name));
        values.any(|value| needs(&value.to_ascii_uppercase()))
    };
    is(&["security.protocol"], |protocol| protocol.ends_with("SSL"))
        || is(&["sasl.mechanism", "sasl.mechanisms"], |mechanism| {
            mechanism.starts_with("SCRAM-") || mechanism == "OAUTHBEARER"
        })
        || config.config_map().keys().any(|name| name.starts_with("ssl."))
}

//! How clients of librdkafka's are made, and what they need besides their properties.

use std::fmt;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use tracing::Level;

use crate::SetupError;
use crate::properties::is_true;

/// A client of librdkafka's with these properties, which logs as much as `tracing` wants to hear.
///
/// # Errors
/// librdkafka does not take the properties.
pub(crate) fn new<C, T>(config: &ClientConfig, context: C) -> Result<T, SetupError>
where
    C: ClientContext,
    T: FromClientConfigAndContext<C>,
{
    let mut config = config.clone();
    let heard = heard();
    if heard as i32 > config.log_level as i32 {
        config.set_log_level(heard);
    }
    let refused = |error| match needs_tls(&config) && !cfg!(feature = "tls") {
        true => SetupError::without_tls(),
        false => SetupError::of_client(error),
    };
    config.create_with_context(context).map_err(refused)
}

/// Whether somebody must bring tokens: librdkafka does not make them itself.
pub(crate) fn wants_tokens(config: &ClientConfig) -> bool {
    let is = |name: &str, wanted: fn(&str) -> bool| config.get(name).is_some_and(wanted);
    let is_by_token = |mechanism: &str| mechanism == "OAUTHBEARER";
    (is("sasl.mechanism", is_by_token) || is("sasl.mechanisms", is_by_token))
        && !is("enable.sasl.oauthbearer.unsecure.jwt", is_true)
        && !is("sasl.oauthbearer.method", |method| method.eq_ignore_ascii_case("oidc"))
}

/// The properties, in what is told of a builder: their values may be secrets, also those that librdkafka does not know.
pub(crate) struct Names<'a>(pub(crate) &'a ClientConfig);

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.config_map().keys()).finish()
    }
}

/// The most talkative level that `tracing` takes of librdkafka.
fn heard() -> RDKafkaLogLevel {
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

/// Whether there must be OpenSSL for these properties.
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

//! librdkafka's properties: what this crate sets, what a caller may set, and what would break a promise.

use std::fmt;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use tracing::Level;

use crate::SetupError;

/// How many brokers must have an event before it counts as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Acks {
    /// All that are in sync (`acks=all`), and an event that librdkafka sends again is stored once
    /// (`enable.idempotence`). The promise of every sink that does not say otherwise.
    #[default]
    All,
    /// The leader of the partition (`acks=1`): what it acknowledged is lost with it, and an event that is sent again may
    /// be stored twice, or overtake another.
    Leader,
    /// None (`acks=0`): the receipt is [`Written`](driver_events_core::Receipt::Written), and nobody knows what was
    /// stored.
    None,
}

impl Acks {
    fn value(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Leader => "1",
            Self::None => "0",
        }
    }
}

/// What a producer is given, unless the caller says otherwise.
const PRODUCER: [(&str, &str); 9] = [
    // Fast where callers wait for their receipts, and hardly slower in bulk.
    ("linger.ms", "1"),
    // JSON shrinks to a fraction, for little work.
    ("compression.type", "lz4"),
    // For how long an event is sent again and again.
    ("message.timeout.ms", "30000"),
    // A topic that does not exist is told soon.
    ("topic.metadata.propagation.max.ms", "5000"),
    // Events that wait for a broker wait in 64 MiB at most.
    ("queue.buffering.max.kbytes", "65536"),
    // The same partition for a goal as from producers in Java.
    ("partitioner", "murmur2_random"),
    // Back soon when the broker is.
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.keepalive.enable", "true"),
];

/// The properties of a producer that keeps the promise.
///
/// # Errors
/// One of the caller's properties would break it.
pub(crate) fn producer(mut config: ClientConfig, acks: Acks) -> Result<ClientConfig, SetupError> {
    refuse(
        &config,
        "delivery.report.only.error",
        is_true,
        "receipts come from delivery reports",
    )?;
    refuse(&config, "transactional.id", |_| true, "the sink makes no transactions")?;
    for name in ["acks", "request.required.acks"] {
        let differs = |value: &str| !(value == acks.value() || (acks == Acks::All && value == "-1"));
        refuse(
            &config,
            name,
            differs,
            "choose the weaker promise by name, with `acks` of the builder",
        )?;
    }
    if acks == Acks::All {
        let reason = "events that are sent again would be stored twice: choose the weaker promise by name, with `acks` \
                      of the builder";
        refuse(&config, "enable.idempotence", |value| !is_true(value), reason)?;
    }
    set_unless_there(&mut config, &PRODUCER);
    config.remove("request.required.acks");
    config.set("acks", acks.value());
    if acks == Acks::All {
        config.set("enable.idempotence", "true");
    }
    Ok(config)
}

/// What a consumer is given, unless the caller says otherwise.
const CONSUMER: [(&str, &str); 7] = [
    // The group hands partitions over without a stop.
    ("partition.assignment.strategy", "cooperative-sticky"),
    // What was answered is committed soon.
    ("auto.commit.interval.ms", "1000"),
    // The lag is known.
    ("statistics.interval.ms", "5000"),
    // Events that wait for a slow reader wait in 16 MiB a partition at most.
    ("queued.max.messages.kbytes", "16384"),
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.keepalive.enable", "true"),
];

/// The properties of a consumer that commits what was answered, and no more.
///
/// # Errors
/// One of the caller's properties would break it.
pub(crate) fn consumer(mut config: ClientConfig, is_grouped: bool) -> Result<ClientConfig, SetupError> {
    let why = "offsets are committed once deliveries are answered";
    refuse(&config, "enable.auto.offset.store", is_true, why)?;
    if is_grouped {
        refuse(&config, "enable.auto.commit", |value| !is_true(value), why)?;
    }
    refuse(&config, "group.id", |_| true, "give the group to the builder")?;
    refuse(
        &config,
        "auto.offset.reset",
        |_| true,
        "say to the builder where to start",
    )?;
    set_unless_there(&mut config, &CONSUMER);
    config.set("enable.auto.offset.store", "false");
    config.set("enable.auto.commit", is_grouped.to_string());
    Ok(config)
}

/// How to reach the brokers: what a producer may take over from a consumer.
pub(crate) fn of_clients(config: &ClientConfig) -> ClientConfig {
    // Beginnings of names.
    const SHARED: [&str; 14] = [
        "bootstrap.servers",
        "metadata.broker.list",
        "client.",
        "security.",
        "ssl.",
        "enable.ssl.",
        "sasl.",
        "enable.sasl.",
        "https.",
        "broker.address.",
        "socket.",
        "reconnect.",
        "connections.",
        "debug",
    ];
    let mut shared = ClientConfig::new();
    shared.set_log_level(config.log_level);
    for (name, _) in config.config_map() {
        if let (true, Some(value)) = (SHARED.iter().any(|start| name.starts_with(start)), config.get(name)) {
            shared.set(name, value);
        }
    }
    shared
}

/// Whether somebody must bring tokens: librdkafka does not make them itself.
pub(crate) fn wants_tokens(config: &ClientConfig) -> bool {
    let is = |name: &str, wanted: fn(&str) -> bool| config.get(name).is_some_and(wanted);
    let is_by_token = |mechanism: &str| mechanism == "OAUTHBEARER";
    (is("sasl.mechanism", is_by_token) || is("sasl.mechanisms", is_by_token))
        && !is("enable.sasl.oauthbearer.unsecure.jwt", is_true)
        && !is("sasl.oauthbearer.method", |method| method.eq_ignore_ascii_case("oidc"))
}

/// A client of librdkafka's with these properties, which logs as much as `tracing` wants to hear.
///
/// # Errors
/// librdkafka does not take the properties.
pub(crate) fn client<C, T>(config: &ClientConfig, context: C) -> Result<T, SetupError>
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

/// The properties, in what is told of a builder: their values may be secrets, also those that librdkafka does not know.
pub(crate) struct Names<'a>(pub(crate) &'a ClientConfig);

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.config_map().keys()).finish()
    }
}

/// # Errors
/// The property is there, and its value is bad.
fn refuse(config: &ClientConfig, property: &str, is_bad: impl Fn(&str) -> bool, why: &str) -> Result<(), SetupError> {
    match config.get(property) {
        Some(value) if is_bad(value) => Err(SetupError::invalid(format!("{property}={value} is refused: {why}"))),
        _ => Ok(()),
    }
}

fn set_unless_there(config: &mut ClientConfig, properties: &[(&str, &str)]) {
    for (name, value) in properties {
        if config.get(name).is_none() {
            config.set(*name, *value);
        }
    }
}

/// As librdkafka reads it.
fn is_true(value: &str) -> bool {
    ["true", "t", "1"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;

    use super::{Acks, producer};

    fn with(property: &str, value: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set(property, value);
        config
    }

    #[test]
    fn what_would_break_the_promise_is_refused() {
        for (property, value) in [
            ("acks", "0"),
            ("acks", "1"),
            ("request.required.acks", "1"),
            ("enable.idempotence", "false"),
            ("delivery.report.only.error", "true"),
            ("transactional.id", "x"),
        ] {
            let error = producer(with(property, value), Acks::All).unwrap_err();
            assert!(error.to_string().contains(&format!("{property}={value}")), "{error}");
        }
        for (property, value) in [("acks", "all"), ("acks", "-1"), ("enable.idempotence", "true")] {
            assert!(producer(with(property, value), Acks::All).is_ok(), "{property}={value}");
        }
    }

    #[test]
    fn a_weaker_promise_is_chosen_by_name() {
        let config = producer(with("enable.idempotence", "false"), Acks::Leader).unwrap();
        assert_eq!(config.get("acks"), Some("1"));
        assert!(producer(with("acks", "all"), Acks::None).is_err());
    }

    #[test]
    fn the_callers_properties_go_before_ours() {
        let config = producer(with("linger.ms", "20"), Acks::All).unwrap();
        assert_eq!(config.get("linger.ms"), Some("20"));
        assert_eq!(config.get("compression.type"), Some("lz4"));
        assert_eq!(config.get("enable.idempotence"), Some("true"));
    }
}

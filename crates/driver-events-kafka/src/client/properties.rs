//! librdkafka's properties: defaults of this crate, and values that would weaken the guarantee.

use std::fmt;

use driver_events_core::SetupError;
use rdkafka::ClientConfig;

/// How many brokers must acknowledge an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Acks {
    /// All in-sync replicas (`acks=all`), with an idempotent producer (`enable.idempotence`): librdkafka's retries are
    /// stored once. The default.
    #[default]
    All,
    /// Only the partition's leader (`acks=1`): acknowledged events are lost with the leader, and retries may be stored
    /// twice or out of order.
    Leader,
    /// None (`acks=0`): the receipt is [`Written`](driver_events_core::Receipt::Written), and storage is not confirmed.
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

/// librdkafka's aliases of properties, each with the name used here. If both are set, librdkafka uses either value.
const PROPERTY_ALIASES: [(&str, &str); 6] = [
    ("request.required.acks", "acks"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("compression.codec", "compression.type"),
    ("auto.commit.enable", "enable.auto.commit"),
    ("sasl.mechanism", "sasl.mechanisms"),
];

/// Defaults of a producer.
const PRODUCER_DEFAULTS: [(&str, &str); 10] = [
    // Low latency for callers that await each receipt, with little loss of throughput in bulk.
    ("linger.ms", "1"),
    // JSON compresses well at little CPU cost.
    ("compression.type", "lz4"),
    // Limit of all retries of an event.
    ("message.timeout.ms", "30000"),
    // Reports a missing topic early.
    ("topic.metadata.propagation.max.ms", "5000"),
    // Limits the queue of each producer to 64 MiB.
    ("queue.buffering.max.kbytes", "65536"),
    // Chooses the same partition for a goal as Java producers.
    ("partitioner", "murmur2_random"),
    // Reconnects soon after the broker is back.
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.keepalive.enable", "true"),
    // Names an unreachable broker before events time out.
    ("socket.connection.setup.timeout.ms", "10000"),
];

/// Returns the properties of a producer.
///
/// # Errors
/// A property of the caller would weaken the guarantee.
pub(crate) fn producer(config: ClientConfig, acks: Acks) -> Result<ClientConfig, SetupError> {
    let mut config = resolve_aliases(config)?;
    refuse(
        &config,
        "delivery.report.only.error",
        is_true,
        "receipts need delivery reports",
    )?;
    refuse(
        &config,
        "transactional.id",
        |_| true,
        "the sink does not support transactions",
    )?;
    let differs = |value: &str| !(value == acks.value() || (acks == Acks::All && value == "-1"));
    let reason = "set `acks` on the builder instead";
    refuse(&config, "acks", differs, reason)?;
    if acks == Acks::All {
        let reason = "retries would be stored twice: set a weaker `acks` on the builder if that is acceptable";
        refuse(&config, "enable.idempotence", |value| !is_true(value), reason)?;
    }
    set_defaults(&mut config, &PRODUCER_DEFAULTS);
    config.set("acks", acks.value());
    if acks == Acks::All {
        config.set("enable.idempotence", "true");
    }
    Ok(config)
}

/// Defaults of a consumer.
const CONSUMER_DEFAULTS: [(&str, &str); 8] = [
    // Commits acked deliveries soon.
    ("auto.commit.interval.ms", "1000"),
    // `lag` needs statistics.
    ("statistics.interval.ms", "5000"),
    // Limits the fetch queue to 16 MiB.
    ("queued.max.messages.kbytes", "16384"),
    // A consumer that has drained its queue fetches again at once, and not after a second.
    ("fetch.queue.backoff.ms", "5"),
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.keepalive.enable", "true"),
    // Names an unreachable broker before events time out.
    ("socket.connection.setup.timeout.ms", "10000"),
];

/// Rebalances without stopping the whole group.
const CLASSIC_GROUP_DEFAULTS: [(&str, &str); 1] = [("partition.assignment.strategy", "cooperative-sticky")];

/// Returns the properties of a consumer, which commits only acked deliveries.
///
/// # Errors
/// A property of the caller would break that.
pub(crate) fn consumer(config: ClientConfig, is_grouped: bool) -> Result<ClientConfig, SetupError> {
    let mut config = resolve_aliases(config)?;
    let reason = "offsets are committed only after deliveries are acked";
    refuse(&config, "enable.auto.offset.store", is_true, reason)?;
    if is_grouped {
        refuse(&config, "enable.auto.commit", |value| !is_true(value), reason)?;
    }
    refuse(&config, "group.id", |_| true, "set `group` on the builder instead")?;
    refuse(
        &config,
        "auto.offset.reset",
        |_| true,
        "set `start_from` on the builder instead",
    )?;
    set_defaults(&mut config, &CONSUMER_DEFAULTS);
    let is_classic = |protocol: &str| !protocol.eq_ignore_ascii_case("consumer");
    // With the newer protocol (KIP-848) the brokers assign partitions, and librdkafka rejects a strategy.
    if config.get("group.protocol").is_none_or(is_classic) {
        set_defaults(&mut config, &CLASSIC_GROUP_DEFAULTS);
    }
    config.set("enable.auto.offset.store", "false");
    config.set("enable.auto.commit", is_grouped.to_string());
    Ok(config)
}

/// Returns the connection properties, which a producer may share with a consumer.
pub(crate) fn connection(config: &ClientConfig) -> ClientConfig {
    // Exact names, and prefixes of names.
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
        if let (true, Some(value)) = (SHARED.iter().any(|prefix| name.starts_with(prefix)), config.get(name)) {
            shared.set(name, value);
        }
    }
    shared
}

/// Replaces aliases by the names used here.
///
/// # Errors
/// A property and its alias have different values.
fn resolve_aliases(mut config: ClientConfig) -> Result<ClientConfig, SetupError> {
    for (alias, name) in PROPERTY_ALIASES {
        let Some(value) = config.get(alias).map(str::to_owned) else {
            continue;
        };
        if config.get(name).is_some_and(|other| other != value) {
            return Err(SetupError::invalid(format!(
                "`{alias}` is an alias of `{name}`, and their values differ"
            )));
        }
        config.remove(alias);
        config.set(name, value);
    }
    Ok(config)
}

/// # Errors
/// The property is set, and its value is not allowed.
fn refuse(
    config: &ClientConfig,
    property: &str,
    is_forbidden: impl Fn(&str) -> bool,
    reason: &str,
) -> Result<(), SetupError> {
    match config.get(property) {
        Some(value) if is_forbidden(value) => Err(SetupError::invalid(format!(
            "property `{property}={value}` is not allowed: {reason}"
        ))),
        _ => Ok(()),
    }
}

fn set_defaults(config: &mut ClientConfig, properties: &[(&str, &str)]) {
    for (name, value) in properties {
        if config.get(name).is_none() {
            config.set(*name, *value);
        }
    }
}

/// Parses a boolean property like librdkafka.
fn is_true(value: &str) -> bool {
    ["true", "t", "1"].iter().any(|word| value.eq_ignore_ascii_case(word))
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

/// Returns whether the properties need OpenSSL.
pub(crate) fn needs_tls(config: &ClientConfig) -> bool {
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
    fn properties_that_weaken_the_guarantee_are_refused() {
        for (property, value) in [
            ("acks", "0"),
            ("acks", "1"),
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
    fn aliases_are_resolved_and_conflicts_refused() {
        let config = producer(with("queue.buffering.max.ms", "20"), Acks::All).unwrap();
        assert_eq!(config.get("linger.ms"), Some("20"));
        assert_eq!(config.get("queue.buffering.max.ms"), None);
        let error = producer(with("request.required.acks", "1"), Acks::All).unwrap_err();
        assert!(
            error.to_string().starts_with("property `acks=1` is not allowed"),
            "{error}"
        );
        let mut two = with("linger.ms", "5");
        two.set("queue.buffering.max.ms", "20");
        assert!(producer(two, Acks::All).is_err());
    }

    #[test]
    fn weaker_acks_are_set_on_the_builder() {
        let config = producer(with("enable.idempotence", "false"), Acks::Leader).unwrap();
        assert_eq!(config.get("acks"), Some("1"));
        assert!(producer(with("acks", "all"), Acks::None).is_err());
    }

    #[test]
    fn caller_properties_override_defaults() {
        let config = producer(with("linger.ms", "20"), Acks::All).unwrap();
        assert_eq!(config.get("linger.ms"), Some("20"));
        assert_eq!(config.get("compression.type"), Some("lz4"));
        assert_eq!(config.get("enable.idempotence"), Some("true"));
    }
}

//! librdkafka's properties: what this crate sets, what a caller may set, and what would break a promise.

use rdkafka::ClientConfig;

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

/// Names that librdkafka has for the same property, and the one that is used here. It takes both, and of two values one
/// by chance.
const ALIASES: [(&str, &str); 6] = [
    ("request.required.acks", "acks"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("compression.codec", "compression.type"),
    ("auto.commit.enable", "enable.auto.commit"),
    ("sasl.mechanism", "sasl.mechanisms"),
];

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
pub(crate) fn producer(config: ClientConfig, acks: Acks) -> Result<ClientConfig, SetupError> {
    let mut config = by_one_name(config)?;
    refuse(
        &config,
        "delivery.report.only.error",
        is_true,
        "receipts come from delivery reports",
    )?;
    refuse(&config, "transactional.id", |_| true, "the sink makes no transactions")?;
    let differs = |value: &str| !(value == acks.value() || (acks == Acks::All && value == "-1"));
    let by_name = "choose the weaker promise by name, with `acks` of the builder";
    refuse(&config, "acks", differs, by_name)?;
    if acks == Acks::All {
        let reason = "events that are sent again would be stored twice: choose the weaker promise by name, with `acks` \
                      of the builder";
        refuse(&config, "enable.idempotence", |value| !is_true(value), reason)?;
    }
    set_unless_there(&mut config, &PRODUCER);
    config.set("acks", acks.value());
    if acks == Acks::All {
        config.set("enable.idempotence", "true");
    }
    Ok(config)
}

/// What a consumer is given, unless the caller says otherwise.
const CONSUMER: [(&str, &str); 8] = [
    // The group hands partitions over without a stop.
    ("partition.assignment.strategy", "cooperative-sticky"),
    // What was answered is committed soon.
    ("auto.commit.interval.ms", "1000"),
    // The lag is known.
    ("statistics.interval.ms", "5000"),
    // Events that wait for a slow reader wait in 16 MiB at most.
    ("queued.max.messages.kbytes", "16384"),
    // A reader that has caught up with them waits for the next ones no longer than this, and not for a second.
    ("fetch.queue.backoff.ms", "5"),
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.keepalive.enable", "true"),
];

/// The properties of a consumer that commits what was answered, and no more.
///
/// # Errors
/// One of the caller's properties would break it.
pub(crate) fn consumer(config: ClientConfig, is_grouped: bool) -> Result<ClientConfig, SetupError> {
    let mut config = by_one_name(config)?;
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

/// The same with each property under one name only.
///
/// # Errors
/// A property is there under two names, with two values.
fn by_one_name(mut config: ClientConfig) -> Result<ClientConfig, SetupError> {
    for (alias, name) in ALIASES {
        let Some(value) = config.get(alias).map(str::to_owned) else {
            continue;
        };
        if config.get(name).is_some_and(|other| other != value) {
            return Err(SetupError::invalid(format!(
                "{alias} and {name} are one property, and differ"
            )));
        }
        config.remove(alias);
        config.set(name, value);
    }
    Ok(config)
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
pub(crate) fn is_true(value: &str) -> bool {
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
    fn a_property_by_its_other_name_counts_and_none_has_two() {
        let config = producer(with("queue.buffering.max.ms", "20"), Acks::All).unwrap();
        assert_eq!(config.get("linger.ms"), Some("20"));
        assert_eq!(config.get("queue.buffering.max.ms"), None);
        let error = producer(with("request.required.acks", "1"), Acks::All).unwrap_err();
        assert!(error.to_string().starts_with("acks=1 is refused"), "{error}");
        let mut two = with("linger.ms", "5");
        two.set("queue.buffering.max.ms", "20");
        assert!(producer(two, Acks::All).is_err());
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

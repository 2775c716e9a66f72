//! Credentials, certificates and client settings: the options of connections.

use clap::Args;
use driver_events::Options;
#[cfg(any(feature = "nats", feature = "kafka"))]
use {clap::ValueHint, std::path::PathBuf};

#[cfg(feature = "kafka")]
use {crate::redacting_parser::RedactingParser, std::ffi::OsStr};

/// Options of connections, for the transports that are compiled in.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConnectionArguments {
    #[cfg(feature = "nats")]
    #[command(flatten)]
    nats: NatsArguments,
    #[cfg(feature = "kafka")]
    #[command(flatten)]
    kafka: KafkaArguments,
}

/// Credentials and certificates of NATS connections.
///
/// Passwords, tokens and seeds are not options, as every user of the machine can read the arguments of a process. The
/// variables are those of the `nats` command.
#[cfg(feature = "nats")]
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "NATS")]
struct NatsArguments {
    /// Credentials file with the user's JWT and NKey seed [env: NATS_CREDS]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    nats_creds: Option<PathBuf>,

    /// File with the user's NKey seed [env: NATS_NKEY]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    nats_nkey: Option<PathBuf>,

    /// Username; NATS_PASSWORD contains the password [env: NATS_USER]
    #[arg(long, value_name = "NAME")]
    nats_user: Option<String>,

    /// CA certificates to trust instead of the system's [env: NATS_CA]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    nats_ca: Option<PathBuf>,

    /// Client certificate [env: NATS_CERT]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    nats_cert: Option<PathBuf>,

    /// Private key of the client certificate [env: NATS_KEY]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    nats_key: Option<PathBuf>,
}

/// Credentials, certificates and librdkafka properties of Kafka connections.
///
/// Passwords are not options, as every user of the machine can read the arguments of a process.
#[cfg(feature = "kafka")]
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Kafka")]
struct KafkaArguments {
    /// Set a librdkafka property; can be repeated
    #[arg(short = 'X', value_name = "KEY=VALUE", 
          value_parser = RedactingParser::of_property(parse_property))]
    properties: Vec<(String, String)>,

    /// File of librdkafka properties, one KEY=VALUE per line [env: KAFKA_CONFIG]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    kafka_config: Option<PathBuf>,

    /// SASL username; KAFKA_PASSWORD contains the password [env: KAFKA_USER]
    #[arg(long, value_name = "NAME")]
    kafka_user: Option<String>,

    /// SASL mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 [env: KAFKA_MECHANISM] [default: PLAIN]
    #[arg(long, value_name = "NAME")]
    kafka_mechanism: Option<String>,

    /// CA certificates to trust instead of the system's [env: KAFKA_CA]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    kafka_ca: Option<PathBuf>,

    /// Client certificate [env: KAFKA_CERT]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    kafka_cert: Option<PathBuf>,

    /// Private key of the client certificate [env: KAFKA_KEY]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    kafka_key: Option<PathBuf>,
}

impl ConnectionArguments {
    /// Returns options with these settings only.
    pub(crate) fn options(&self) -> Options {
        #[cfg_attr(
            not(any(feature = "nats", feature = "kafka")),
            expect(unused_mut, reason = "no transport has options")
        )]
        let mut options = Options::default();
        #[cfg(feature = "nats")]
        {
            let nats = self.nats.clone();
            options.nats_creds = nats.nats_creds;
            options.nats_nkey = nats.nats_nkey;
            options.nats_user = nats.nats_user;
            options.nats_ca = nats.nats_ca;
            options.nats_cert = nats.nats_cert;
            options.nats_key = nats.nats_key;
        }
        #[cfg(feature = "kafka")]
        {
            let kafka = self.kafka.clone();
            options.kafka_properties = kafka.properties.into_iter().collect();
            options.kafka_config = kafka.kafka_config;
            options.kafka_user = kafka.kafka_user;
            options.kafka_mechanism = kafka.kafka_mechanism;
            options.kafka_ca = kafka.kafka_ca;
            options.kafka_cert = kafka.kafka_cert;
            options.kafka_key = kafka.kafka_key;
        }
        options
    }
}

/// Parses `KEY=VALUE`.
#[cfg(feature = "kafka")]
fn parse_property(text: &OsStr) -> Result<(String, String), String> {
    let property = text.to_str().and_then(|text| text.split_once('='));
    match property.map(|(name, value)| (name.trim(), value.trim())) {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

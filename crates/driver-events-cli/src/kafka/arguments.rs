use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use rdkafka::ClientConfig;

use super::KafkaAddress;
use super::properties::{self, Properties};
use crate::open_error::OpenError;

/// Credentials, certificates and librdkafka properties of Kafka connections.
///
/// Passwords are not options, as every user of the machine can read the arguments of a process. The environment is read
/// only for a Kafka URL: wrong values do not affect other commands.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Kafka")]
pub(crate) struct KafkaArguments {
    /// Set a librdkafka property; can be repeated
    #[arg(short = 'X', value_name = "KEY=VALUE")]
    properties: Vec<String>,

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

impl KafkaArguments {
    /// Returns the client configuration for these brokers. Properties are resolved in this order: `-X`, option,
    /// environment, file.
    pub(super) fn config(&self, address: &KafkaAddress) -> Result<ClientConfig, OpenError> {
        let env = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        self.properties(address, env).map(Properties::into_config)
    }

    fn properties(
        &self,
        address: &KafkaAddress,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Properties, OpenError> {
        let file = |option: &Option<PathBuf>, name| option.clone().or_else(|| env(name).map(PathBuf::from));
        let mut properties = match file(&self.kafka_config, "KAFKA_CONFIG") {
            Some(path) => properties::read(&path)?,
            None => Properties::default(),
        };
        properties.set_default("client.id", "driver-events");
        properties.set("bootstrap.servers", &address.brokers);
        self.set_credentials(&mut properties, &env)?;
        let ca = file(&self.kafka_ca, "KAFKA_CA");
        let certificate = match (file(&self.kafka_cert, "KAFKA_CERT"), file(&self.kafka_key, "KAFKA_KEY")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(OpenError::usage(
                    "missing key of the client certificate: pass --kafka-key",
                ));
            }
            (None, Some(_)) => {
                return Err(OpenError::usage(
                    "missing client certificate for the key: pass --kafka-cert",
                ));
            }
        };
        properties.set_security_protocol(address.tls || ca.is_some() || certificate.is_some());
        if let Some(ca) = ca {
            properties.set_path("ssl.ca.location", &ca)?;
        }
        if let Some((certificate, key)) = certificate {
            properties.set_path("ssl.certificate.location", &certificate)?;
            properties.set_path("ssl.key.location", &key)?;
            if let Some(password) = env("KAFKA_KEY_PASSWORD") {
                properties.set("ssl.key.password", &text(password, "KAFKA_KEY_PASSWORD")?);
            }
        }
        for property in &self.properties {
            properties.set_argument(property)?;
        }
        properties.check_tls()?;
        Ok(properties)
    }

    fn set_credentials(
        &self,
        properties: &mut Properties,
        env: &impl Fn(&str) -> Option<OsString>,
    ) -> Result<(), OpenError> {
        let given = |option: &Option<String>, name| match option {
            Some(value) => Ok(Some(value.clone())),
            None => env(name).map(|value| text(value, name)).transpose(),
        };
        if let Some(mechanism) = given(&self.kafka_mechanism, "KAFKA_MECHANISM")? {
            properties.set("sasl.mechanisms", &mechanism.to_ascii_uppercase());
        }
        if let Some(user) = given(&self.kafka_user, "KAFKA_USER")? {
            let password = env("KAFKA_PASSWORD")
                .ok_or_else(|| OpenError::usage(format!("missing password of user `{user}`: set KAFKA_PASSWORD")))?;
            properties.set("sasl.username", &user);
            properties.set("sasl.password", &text(password, "KAFKA_PASSWORD")?);
            properties.set_default("sasl.mechanisms", "PLAIN");
        }
        Ok(())
    }
}

fn text(value: OsString, name: &str) -> Result<String, OpenError> {
    value
        .into_string()
        .map_err(|_| OpenError::usage(format!("{name} is not valid UTF-8")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::url::Url;

    fn properties(url: &str, arguments: &KafkaArguments, environment: &[(&str, &str)]) -> Result<Properties, String> {
        let env = |name: &str| {
            let value = environment.iter().find(|(known, _)| *known == name);
            value.map(|(_, value)| OsString::from(value))
        };
        let url = Url::parse(url.as_ref()).unwrap();
        let mut address = KafkaAddress::parse(&url).unwrap();
        url.take_parameters("", |key, value| address.set_parameter(key, value))
            .unwrap();
        let properties = arguments.properties(&address, env);
        properties.map_err(|error| error.to_string())
    }

    fn with(arguments: &[&str]) -> KafkaArguments {
        let properties = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        KafkaArguments {
            properties,
            ..KafkaArguments::default()
        }
    }

    #[test]
    fn user_selects_sasl() {
        let user = [("KAFKA_USER", "ada"), ("KAFKA_PASSWORD", "s3cret")];
        let found = properties("kafka://h:1,i:2", &KafkaArguments::default(), &user).unwrap();
        for (name, value) in [
            ("bootstrap.servers", "h:1,i:2"),
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanisms", "PLAIN"),
            ("sasl.username", "ada"),
            ("sasl.password", "s3cret"),
        ] {
            assert_eq!(found.get(name), Some(value), "{name}");
        }
        let found = properties("kafka://h", &KafkaArguments::default(), &[]).unwrap();
        assert_eq!(found.get("security.protocol"), None);
        let error = properties("kafka://h", &KafkaArguments::default(), &user[..1]).unwrap_err();
        assert_eq!(error, "missing password of user `ada`: set KAFKA_PASSWORD");
    }

    #[cfg(feature = "kafka-tls")]
    #[test]
    fn certificate_or_url_enables_tls() {
        let scram = [
            ("KAFKA_USER", "ada"),
            ("KAFKA_PASSWORD", "s3cret"),
            ("KAFKA_MECHANISM", "scram-sha-256"),
        ];
        for (url, environment, protocol) in [
            ("kafka://h?tls", &[][..], "SSL"),
            ("kafka://h", &[("KAFKA_CA", "ca.pem")], "SSL"),
            ("kafka://h", &[("KAFKA_CERT", "c.pem"), ("KAFKA_KEY", "k.pem")], "SSL"),
            ("kafka://h?tls", &scram, "SASL_SSL"),
        ] {
            let found = properties(url, &KafkaArguments::default(), environment).unwrap();
            assert_eq!(found.get("security.protocol"), Some(protocol), "{url} {environment:?}");
        }
        let found = properties("kafka://h?tls", &KafkaArguments::default(), &scram).unwrap();
        assert_eq!(found.get("sasl.mechanisms"), Some("SCRAM-SHA-256"));
    }

    #[cfg(not(feature = "kafka-tls"))]
    #[test]
    fn tls_requires_the_feature() {
        let scram = [
            ("KAFKA_USER", "ada"),
            ("KAFKA_PASSWORD", "s3cret"),
            ("KAFKA_MECHANISM", "SCRAM-SHA-256"),
        ];
        for (url, environment) in [("kafka://h?tls", &[][..]), ("kafka://h", &scram)] {
            let error = properties(url, &KafkaArguments::default(), environment).unwrap_err();
            assert!(error.ends_with("--features kafka-tls`"), "{error}");
        }
    }

    #[test]
    fn argument_precedes_environment_precedes_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kafka.properties");
        let lines = "# of the driver\n\nsasl.username = bob\nsasl.password=a=b\nsasl.mechanism=plain\n\
                     security.protocol=sasl_plaintext\nlinger.ms=3\nbootstrap.servers=elsewhere:1\n";
        fs::write(&path, lines).unwrap();
        let arguments = KafkaArguments {
            kafka_config: Some(path),
            ..with(&["linger.ms=20"])
        };
        let found = properties("kafka://h", &arguments, &[]).unwrap();
        for (name, value) in [
            ("bootstrap.servers", "h"),
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanisms", "plain"),
            ("sasl.username", "bob"),
            ("sasl.password", "a=b"),
            ("linger.ms", "20"),
        ] {
            assert_eq!(found.get(name), Some(value), "{name}");
        }
        let user = [("KAFKA_USER", "ada"), ("KAFKA_PASSWORD", "s3cret")];
        let found = properties("kafka://h", &arguments, &user).unwrap();
        assert_eq!(found.get("sasl.username"), Some("ada"));
        assert_eq!(found.get("sasl.password"), Some("s3cret"));
    }

    #[test]
    fn reserved_and_secret_arguments_are_rejected() {
        for (argument, reason) in [
            ("linger.ms", "-X requires KEY=VALUE"),
            ("=20", "-X requires KEY=VALUE"),
            ("bootstrap.servers=h", "set the brokers in the URL"),
            ("group.id=g", "use --group"),
            ("acks=1", "use the URL parameter `acks`"),
            ("delivery.timeout.ms=1", "use --timeout"),
            ("sasl.password=s3cret", "every user of the machine can read"),
            ("ssl.key.password=s3cret", "every user of the machine can read"),
            ("ssl.key.pem=s3cret", "every user of the machine can read"),
        ] {
            let error = properties("kafka://h", &with(&[argument]), &[]).unwrap_err();
            assert!(error.contains(reason), "{argument}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}

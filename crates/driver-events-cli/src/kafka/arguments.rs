use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use rdkafka::ClientConfig;

use super::KafkaAddress;
use super::properties::{self, Properties};
use crate::open_error::OpenError;

/// Who connects to Kafka, whom it trusts, and what else librdkafka is told.
///
/// Where an option is not given, a variable of the environment counts that has its name. Passwords are no options: the
/// arguments of a process are seen by everybody. The environment is read only when there is something to connect to, so
/// that what is set wrongly there is in nobody else's way.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Kafka")]
pub(crate) struct KafkaArguments {
    /// A property of librdkafka; may be given more than once
    #[arg(short = 'X', value_name = "KEY=VALUE")]
    properties: Vec<String>,

    /// A file of such properties, which may be secret [or KAFKA_CONFIG]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    kafka_config: Option<PathBuf>,

    /// The user whose password is in KAFKA_PASSWORD [or KAFKA_USER]
    #[arg(long, value_name = "NAME")]
    kafka_user: Option<String>,

    /// PLAIN, as without it, SCRAM-SHA-256 or -512 [or KAFKA_MECHANISM]
    #[arg(long, value_name = "NAME")]
    kafka_mechanism: Option<String>,

    /// Certificates that are trusted, instead of the system's [or KAFKA_CA]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    kafka_ca: Option<PathBuf>,

    /// The certificate to show [or KAFKA_CERT]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    kafka_cert: Option<PathBuf>,

    /// The key of the certificate [or KAFKA_KEY]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    kafka_key: Option<PathBuf>,
}

impl KafkaArguments {
    /// The properties of a client of these brokers. Those of `-X` go before the options, the options before the
    /// environment, and that before the file.
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
        properties.set_unless_there("client.id", "driver-events");
        properties.set("bootstrap.servers", &address.brokers);
        self.say_who(&mut properties, &env)?;
        let ca = file(&self.kafka_ca, "KAFKA_CA");
        let certificate = match (file(&self.kafka_cert, "KAFKA_CERT"), file(&self.kafka_key, "KAFKA_KEY")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(OpenError::usage("a certificate needs its key: give --kafka-key")),
            (None, Some(_)) => return Err(OpenError::usage("a key needs its certificate: give --kafka-cert")),
        };
        properties.secure(address.tls || ca.is_some() || certificate.is_some());
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
            properties.take_argument(property)?;
        }
        properties.check_tls()?;
        Ok(properties)
    }

    fn say_who(&self, properties: &mut Properties, env: &impl Fn(&str) -> Option<OsString>) -> Result<(), OpenError> {
        let given = |option: &Option<String>, name| match option {
            Some(value) => Ok(Some(value.clone())),
            None => env(name).map(|value| text(value, name)).transpose(),
        };
        if let Some(mechanism) = given(&self.kafka_mechanism, "KAFKA_MECHANISM")? {
            properties.set("sasl.mechanisms", &mechanism.to_ascii_uppercase());
        }
        if let Some(user) = given(&self.kafka_user, "KAFKA_USER")? {
            let password = env("KAFKA_PASSWORD")
                .ok_or_else(|| OpenError::usage(format!("the user {user} needs a password: set KAFKA_PASSWORD")))?;
            properties.set("sasl.username", &user);
            properties.set("sasl.password", &text(password, "KAFKA_PASSWORD")?);
            properties.set_unless_there("sasl.mechanisms", "PLAIN");
        }
        Ok(())
    }
}

fn text(value: OsString, name: &str) -> Result<String, OpenError> {
    value
        .into_string()
        .map_err(|_| OpenError::usage(format!("{name} is no UTF-8 text")))
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
        url.take_parameters("", |key, value| address.take(key, value)).unwrap();
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
    fn a_user_says_how_the_connection_is_made() {
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
        let refused = properties("kafka://h", &KafkaArguments::default(), &user[..1]).unwrap_err();
        assert_eq!(refused, "the user ada needs a password: set KAFKA_PASSWORD");
    }

    #[cfg(feature = "kafka-tls")]
    #[test]
    fn a_certificate_or_the_url_asks_for_tls() {
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
    fn without_the_feature_tls_is_refused() {
        let scram = [
            ("KAFKA_USER", "ada"),
            ("KAFKA_PASSWORD", "s3cret"),
            ("KAFKA_MECHANISM", "SCRAM-SHA-256"),
        ];
        for (url, environment) in [("kafka://h?tls", &[][..]), ("kafka://h", &scram)] {
            let refused = properties(url, &KafkaArguments::default(), environment).unwrap_err();
            assert!(
                refused.ends_with("--features kafka-tls` builds one with it"),
                "{refused}"
            );
        }
    }

    #[test]
    fn arguments_go_before_the_environment_and_that_before_the_file() {
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
    fn what_has_another_place_or_is_a_secret_is_no_argument() {
        for (argument, reason) in [
            ("linger.ms", "-X takes KEY=VALUE"),
            ("=20", "-X takes KEY=VALUE"),
            ("bootstrap.servers=h", "the URL names the brokers"),
            ("group.id=g", "give --group"),
            ("acks=1", "`acks` in the URL"),
            ("delivery.timeout.ms=1", "give --timeout"),
            ("sasl.password=s3cret", "everybody can read"),
            ("ssl.key.password=s3cret", "everybody can read"),
            ("ssl.key.pem=s3cret", "everybody can read"),
        ] {
            let refused = properties("kafka://h", &with(&[argument]), &[]).unwrap_err();
            assert!(refused.contains(reason), "{argument}: {refused}");
            assert!(!refused.contains("s3cret"), "{refused}");
        }
    }
}

//! Client configuration: from the URL, the options and the environment.
//!
//! The environment is read when a Kafka URL is opened: wrong values do not affect other URLs.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use driver_events_core::SetupError;
use driver_events_kafka::rdkafka::ClientConfig;

use super::address::KafkaAddress;
use super::properties::Properties;
use crate::options::Options;

/// Returns the client configuration for these brokers. Properties are resolved in this order: properties of the options,
/// other options, environment, file.
pub(super) fn client_config(address: &KafkaAddress, options: &Options) -> Result<ClientConfig, SetupError> {
    let env = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    properties(address, options, env).map(Properties::into_config)
}

fn properties(
    address: &KafkaAddress,
    options: &Options,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<Properties, SetupError> {
    let file = |option: &Option<PathBuf>, name| option.clone().or_else(|| env(name).map(PathBuf::from));
    let mut properties = match file(&options.kafka_config, "KAFKA_CONFIG") {
        Some(path) => Properties::read(&path)?,
        None => Properties::default(),
    };
    properties.set_default("client.id", "driver-events");
    properties.set("bootstrap.servers", &address.brokers);
    set_credentials(&mut properties, options, &env)?;
    let ca = file(&options.kafka_ca, "KAFKA_CA");
    let certificate = match (
        file(&options.kafka_cert, "KAFKA_CERT"),
        file(&options.kafka_key, "KAFKA_KEY"),
    ) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => {
            return Err(SetupError::invalid(
                "missing key of the client certificate: set the option `kafka-key` or KAFKA_KEY",
            ));
        }
        (None, Some(_)) => {
            return Err(SetupError::invalid(
                "missing client certificate for the key: set the option `kafka-cert` or KAFKA_CERT",
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
    for (name, value) in &options.kafka_properties.0 {
        properties.set_option(name, value)?;
    }
    properties.check_tls()?;
    Ok(properties)
}

fn set_credentials(
    properties: &mut Properties,
    options: &Options,
    env: &impl Fn(&str) -> Option<OsString>,
) -> Result<(), SetupError> {
    let given = |option: &Option<String>, name| match option {
        Some(value) => Ok(Some(value.clone())),
        None => env(name).map(|value| text(value, name)).transpose(),
    };
    if let Some(mechanism) = given(&options.kafka_mechanism, "KAFKA_MECHANISM")? {
        properties.set("sasl.mechanisms", &mechanism.to_ascii_uppercase());
    }
    if let Some(user) = given(&options.kafka_user, "KAFKA_USER")? {
        let password = env("KAFKA_PASSWORD")
            .ok_or_else(|| SetupError::invalid(format!("missing password of user `{user}`: set KAFKA_PASSWORD")))?;
        properties.set("sasl.username", &user);
        properties.set("sasl.password", &text(password, "KAFKA_PASSWORD")?);
        properties.set_default("sasl.mechanisms", "PLAIN");
    }
    Ok(())
}

fn text(value: OsString, name: &str) -> Result<String, SetupError> {
    value
        .into_string()
        .map_err(|_| SetupError::invalid(format!("{name} is not valid UTF-8")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::url::Url;

    fn found(url: &str, options: &Options, environment: &[(&str, &str)]) -> Result<Properties, String> {
        let env = |name: &str| {
            let value = environment.iter().find(|(known, _)| *known == name);
            value.map(|(_, value)| OsString::from(value))
        };
        let url = Url::parse(url.as_ref()).unwrap();
        let mut address = KafkaAddress::parse(&url).unwrap();
        url.take_parameters("", |key, value| address.set_parameter(key, value))
            .unwrap();
        properties(&address, options, env).map_err(|error| error.to_string())
    }

    fn with(name: &str, value: &str) -> Options {
        Options {
            kafka_properties: [(name, value)].into_iter().collect(),
            ..Options::default()
        }
    }

    #[test]
    fn user_selects_sasl() {
        let user = [("KAFKA_USER", "ada"), ("KAFKA_PASSWORD", "s3cret")];
        let resolved = found("kafka://h:1,i:2", &Options::default(), &user).unwrap();
        for (name, value) in [
            ("bootstrap.servers", "h:1,i:2"),
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanisms", "PLAIN"),
            ("sasl.username", "ada"),
            ("sasl.password", "s3cret"),
        ] {
            assert_eq!(resolved.get(name), Some(value), "{name}");
        }
        let resolved = found("kafka://h", &Options::default(), &[]).unwrap();
        assert_eq!(resolved.get("security.protocol"), None);
        let error = found("kafka://h", &Options::default(), &user[..1]).unwrap_err();
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
            let resolved = found(url, &Options::default(), environment).unwrap();
            assert_eq!(
                resolved.get("security.protocol"),
                Some(protocol),
                "{url} {environment:?}"
            );
        }
        let resolved = found("kafka://h?tls", &Options::default(), &scram).unwrap();
        assert_eq!(resolved.get("sasl.mechanisms"), Some("SCRAM-SHA-256"));
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
            let error = found(url, &Options::default(), environment).unwrap_err();
            assert!(error.ends_with("enable the cargo feature `kafka-tls`"), "{error}");
        }
    }

    #[test]
    fn option_precedes_environment_precedes_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kafka.properties");
        let lines = "# of the driver\n\nsasl.username = bob\nsasl.password=a=b\nsasl.mechanism=plain\n\
                     security.protocol=sasl_plaintext\nlinger.ms=3\nbootstrap.servers=elsewhere:1\n";
        fs::write(&path, lines).unwrap();
        let options = Options {
            kafka_config: Some(path),
            ..with("linger.ms", "20")
        };
        let resolved = found("kafka://h", &options, &[]).unwrap();
        for (name, value) in [
            ("bootstrap.servers", "h"),
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanisms", "plain"),
            ("sasl.username", "bob"),
            ("sasl.password", "a=b"),
            ("linger.ms", "20"),
        ] {
            assert_eq!(resolved.get(name), Some(value), "{name}");
        }
        let user = [("KAFKA_USER", "ada"), ("KAFKA_PASSWORD", "s3cret")];
        let resolved = found("kafka://h", &options, &user).unwrap();
        assert_eq!(resolved.get("sasl.username"), Some("ada"));
        assert_eq!(resolved.get("sasl.password"), Some("s3cret"));
    }

    #[test]
    fn reserved_and_secret_options_are_rejected() {
        for (name, reason) in [
            ("bootstrap.servers", "set the brokers in the URL"),
            ("group.id", "use the option `group`"),
            ("acks", "use the URL parameter `acks`"),
            ("delivery.timeout.ms", "use the option `timeout`"),
            ("sasl.password", "options are no place for secrets"),
            ("ssl.key.password", "options are no place for secrets"),
            ("ssl.key.pem", "options are no place for secrets"),
        ] {
            let options = with(name, "s3cret");
            let error = found("kafka://h", &options, &[]).unwrap_err();
            assert!(error.contains(reason), "{name}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
            assert!(!format!("{options:?}").contains("s3cret"));
        }
    }
}

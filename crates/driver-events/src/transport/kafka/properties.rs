use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use driver_events_core::SetupError;
use driver_events_kafka::rdkafka::ClientConfig;

/// librdkafka properties by canonical name.
#[derive(Default)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Properties(BTreeMap<String, String>);

/// Aliases of librdkafka properties and their canonical names.
const ALIASES: [(&str, &str); 4] = [
    ("metadata.broker.list", "bootstrap.servers"),
    ("sasl.mechanism", "sasl.mechanisms"),
    ("request.required.acks", "acks"),
    ("delivery.timeout.ms", "message.timeout.ms"),
];

/// Properties that cannot be set directly, and what to use instead.
const RESERVED_PROPERTIES: [(&str, &str); 6] = [
    ("bootstrap.servers", "set the brokers in the URL"),
    ("group.id", "use the option `group`"),
    (
        "auto.offset.reset",
        "use the option `since` or the URL parameter `offset`",
    ),
    ("acks", "use the URL parameter `acks`"),
    ("enable.idempotence", "use the URL parameter `acks`"),
    ("message.timeout.ms", "use the option `timeout`"),
];

impl Properties {
    /// Reads a properties file: one `KEY=VALUE` per line, empty lines, and comments that start with `#`.
    pub(super) fn read(path: &Path) -> Result<Self, SetupError> {
        let file = path.display();
        let text = fs::read_to_string(path)
            .map_err(|error| SetupError::invalid(format!("cannot read properties file `{file}`")).with_source(error))?;
        let mut properties = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // The line may contain a secret, so errors do not quote it.
            let position = || format!("{file}:{}", index + 1);
            let (name, value) =
                split(line).ok_or_else(|| SetupError::invalid(format!("{}: expected KEY=VALUE", position())))?;
            match replacement(name) {
                // Other programs may share the file. The URL takes precedence.
                Some(_) if name == "bootstrap.servers" => {}
                Some(replacement) => {
                    let message = format!("{}: property `{name}` is not allowed: {replacement}", position());
                    return Err(SetupError::invalid(message));
                }
                None => properties.set(name, value),
            }
        }
        Ok(properties)
    }

    #[cfg(test)]
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn set_default(&mut self, name: &str, value: &str) {
        self.0.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }

    pub(super) fn set_path(&mut self, name: &str, path: &Path) -> Result<(), SetupError> {
        let text = path.to_str();
        let text = text.ok_or_else(|| SetupError::invalid(format!("path `{}` is not valid UTF-8", path.display())))?;
        self.set(name, text);
        Ok(())
    }

    /// Sets a property of the options, which are no place for secrets.
    pub(super) fn set_option(&mut self, name: &str, value: &str) -> Result<(), SetupError> {
        let name = canonical(name);
        if let Some(replacement) = replacement(name) {
            return Err(SetupError::invalid(format!(
                "property `{name}` is not allowed: {replacement}"
            )));
        }
        if is_secret(name) {
            return Err(SetupError::invalid(format!(
                "property `{name}` is not allowed, as options are no place for secrets: set KAFKA_PASSWORD, or write the \
                 property to a file and set the option `kafka-config`"
            )));
        }
        self.set(name, value);
        Ok(())
    }

    /// Sets `security.protocol`: SASL if there is a user, TLS if `with_tls`. Keeps SASL and TLS if already set.
    pub(super) fn set_security_protocol(&mut self, with_tls: bool) {
        let protocol = self.value("security.protocol").to_ascii_uppercase();
        let has_user = self.0.contains_key("sasl.username") || protocol.contains("SASL");
        let has_tls = with_tls || protocol.contains("SSL");
        let protocol = match (has_user, has_tls) {
            (true, true) => "SASL_SSL",
            (true, false) => "SASL_PLAINTEXT",
            (false, true) => "SSL",
            (false, false) => return,
        };
        self.set("security.protocol", protocol);
    }

    /// Returns an error if TLS is needed but not compiled in. librdkafka would only report an invalid value.
    pub(super) fn check_tls(&self) -> Result<(), SetupError> {
        let protocol = self.value("security.protocol").to_ascii_uppercase();
        let mechanism = self.value("sasl.mechanisms").to_ascii_uppercase();
        let needs_tls = protocol.ends_with("SSL") || ["SCRAM", "OAUTH"].iter().any(|name| mechanism.starts_with(name));
        if cfg!(feature = "kafka-tls") || !needs_tls {
            return Ok(());
        }
        Err(SetupError::invalid(
            "this build does not support TLS for Kafka, which SCRAM needs too: enable the cargo feature `kafka-tls`",
        ))
    }

    pub(super) fn into_config(self) -> ClientConfig {
        self.0.into_iter().collect()
    }

    fn value(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// Splits `KEY=VALUE` and returns the canonical name.
fn split(property: &str) -> Option<(&str, &str)> {
    let (name, value) = property.split_once('=')?;
    let name = canonical(name.trim());
    (!name.is_empty()).then_some((name, value.trim()))
}

/// Returns the canonical name of a property that may be an alias.
fn canonical(name: &str) -> &str {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    alias.map_or(name, |(_, name)| name)
}

fn replacement(name: &str) -> Option<&'static str> {
    let found = RESERVED_PROPERTIES.iter().find(|(known, _)| *known == name);
    found.map(|(_, replacement)| *replacement)
}

fn is_secret(name: &str) -> bool {
    name.contains("password") || name.contains("secret") || name == "ssl.key.pem"
}

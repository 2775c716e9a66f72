use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rdkafka::ClientConfig;

use crate::open_error::OpenError;
use crate::report::with_causes;

/// What librdkafka is told, each property by one of its names only.
#[derive(Default)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Properties(BTreeMap<String, String>);

/// Names that librdkafka has for the same, and the one that is used here.
const ALIASES: [(&str, &str); 4] = [
    ("metadata.broker.list", "bootstrap.servers"),
    ("sasl.mechanism", "sasl.mechanisms"),
    ("request.required.acks", "acks"),
    ("delivery.timeout.ms", "message.timeout.ms"),
];

/// Properties that are said elsewhere, and where.
const ELSEWHERE: [(&str, &str); 6] = [
    ("bootstrap.servers", "the URL names the brokers"),
    ("group.id", "give --group"),
    ("auto.offset.reset", "give --since, or `offset` in the URL"),
    ("acks", "give `acks` in the URL"),
    ("enable.idempotence", "give `acks` in the URL"),
    ("message.timeout.ms", "give --timeout"),
];

/// Reads a file of properties: a `KEY=VALUE` a line, empty lines, and comments that begin with `#`.
pub(super) fn read(path: &Path) -> Result<Properties, OpenError> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| OpenError::usage(format!("cannot read the properties {shown}: {}", with_causes(&error))))?;
    let mut properties = Properties::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // What stands there may be a secret, and is not told.
        let place = || format!("{shown}:{}", index + 1);
        let (name, value) = split(line).ok_or_else(|| OpenError::usage(format!("{}: no KEY=VALUE", place())))?;
        match elsewhere(name) {
            // Other programs read the file too, and the URL goes before it.
            Some(_) if name == "bootstrap.servers" => {}
            Some(place_of) => return Err(OpenError::usage(format!("{}: {name}: {place_of}", place()))),
            None => properties.set(name, value),
        }
    }
    Ok(properties)
}

impl Properties {
    #[cfg(test)]
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn set_unless_there(&mut self, name: &str, value: &str) {
        self.0.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }

    pub(super) fn set_path(&mut self, name: &str, path: &Path) -> Result<(), OpenError> {
        let text = path.to_str();
        let text = text.ok_or_else(|| OpenError::usage(format!("{} is no UTF-8", path.display())))?;
        self.set(name, text);
        Ok(())
    }

    /// Takes a `KEY=VALUE` from the command line.
    pub(super) fn take_argument(&mut self, argument: &str) -> Result<(), OpenError> {
        let (name, value) = split(argument).ok_or_else(|| OpenError::usage("-X takes KEY=VALUE"))?;
        if let Some(place) = elsewhere(name) {
            return Err(OpenError::usage(format!("-X {name} is not taken: {place}")));
        }
        if is_secret(name) {
            return Err(OpenError::usage(format!(
                "-X {name} is not taken: everybody can read the arguments of a command; set KAFKA_PASSWORD, or write the \
                 property to a file for --kafka-config"
            )));
        }
        self.set(name, value);
        Ok(())
    }

    /// Chooses how connections are made: with a user where there is one, and with TLS where that is asked for. What the
    /// properties ask for already stays.
    pub(super) fn secure(&mut self, with_tls: bool) {
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

    /// Tells where this build can do no TLS. librdkafka would only say that it does not know a value.
    pub(super) fn check_tls(&self) -> Result<(), OpenError> {
        let protocol = self.value("security.protocol").to_ascii_uppercase();
        let mechanism = self.value("sasl.mechanisms").to_ascii_uppercase();
        let needs_tls = protocol.ends_with("SSL") || ["SCRAM", "OAUTH"].iter().any(|name| mechanism.starts_with(name));
        if cfg!(feature = "kafka-tls") || !needs_tls {
            return Ok(());
        }
        Err(OpenError::usage(
            "this program was built without TLS for Kafka, which SCRAM needs too: `cargo install driver-events-cli \
             --features kafka-tls` builds one with it",
        ))
    }

    pub(super) fn into_config(self) -> ClientConfig {
        self.0.into_iter().collect()
    }

    fn value(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// The name that is used here, and the value.
fn split(property: &str) -> Option<(&str, &str)> {
    let (name, value) = property.split_once('=')?;
    let name = name.trim();
    let name = ALIASES
        .iter()
        .find(|(alias, _)| *alias == name)
        .map_or(name, |(_, name)| name);
    (!name.is_empty()).then_some((name, value.trim()))
}

fn elsewhere(name: &str) -> Option<&'static str> {
    let found = ELSEWHERE.iter().find(|(known, _)| *known == name);
    found.map(|(_, place)| *place)
}

fn is_secret(name: &str) -> bool {
    name.contains("password") || name.contains("secret") || name == "ssl.key.pem"
}

use std::collections::BTreeMap;
use std::path::Path;

use super::listener::KafkaListener;
use crate::certificates::Certificates;

/// Configuration of a [`KafkaBroker`](super::KafkaBroker). Default: a [plain](KafkaListener::Plain) listener only, and no
/// automatic creation of topics.
///
/// The harness sets ports, folders, ids and the quorum.
#[derive(Clone, Debug, Default)]
pub struct KafkaConfig {
    properties: BTreeMap<String, String>,
    java_options: Vec<String>,
    users: Vec<User>,
    sasl: Option<Certificates>,
    mutual_tls: Option<Certificates>,
    is_proxied: bool,
    has_acls: bool,
}

#[derive(Clone, Debug)]
struct User {
    name: String,
    password: String,
}

const SCRAM: [&str; 2] = ["SCRAM-SHA-256", "SCRAM-SHA-512"];

impl KafkaConfig {
    /// Creates the default configuration.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `message.max.bytes`: the maximum size of a record batch.
    #[must_use]
    pub fn max_message_bytes(self, bytes: u32) -> Self {
        self.property("message.max.bytes", &bytes.to_string())
    }

    /// Sets `min.insync.replicas`: the replicas that must store a record before it is acknowledged with `acks=all`.
    #[must_use]
    pub fn min_in_sync_replicas(self, replicas: u16) -> Self {
        self.property("min.insync.replicas", &replicas.to_string())
    }

    /// Sets any property of the broker. Overrides the harness's own value.
    #[must_use]
    pub fn property(mut self, key: &str, value: &str) -> Self {
        self.properties.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds a JVM option, such as `-Xmx2g`. Overrides the harness's own, which are chosen for a fast start.
    #[must_use]
    pub fn java_option(mut self, option: &str) -> Self {
        self.java_options.push(option.to_owned());
        self
    }

    /// Adds the listener [`KafkaListener::Proxied`] and its proxy.
    #[must_use]
    pub fn proxied(mut self) -> Self {
        self.is_proxied = true;
        self
    }

    /// Adds the listener [`KafkaListener::Sasl`]. [Users](Self::user) authenticate with `PLAIN`, `SCRAM-SHA-256` or
    /// `SCRAM-SHA-512`. `OAUTHBEARER` accepts any unsecured JSON web token, as librdkafka creates with
    /// `enable.sasl.oauthbearer.unsecure.jwt`.
    #[must_use]
    pub fn sasl(mut self, certificates: &Certificates) -> Self {
        self.sasl = Some(certificates.clone());
        self
    }

    /// Adds a user with a password, for the listener of [`sasl`](Self::sasl).
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.users.push(User {
            name: name.to_owned(),
            password: password.to_owned(),
        });
        self
    }

    /// Adds the listener [`KafkaListener::MutualTls`]. It requires a client certificate of the same authority.
    #[must_use]
    pub fn mutual_tls(mut self, certificates: &Certificates) -> Self {
        self.mutual_tls = Some(certificates.clone());
        self
    }

    /// Enables ACLs: users and clients with a certificate may do only what
    /// [`KafkaAdmin::allow`](super::KafkaAdmin::allow) allows. Clients of the plain listeners remain super users.
    #[must_use]
    pub fn acls(mut self) -> Self {
        self.has_acls = true;
        self
    }

    /// Returns the listeners other than the plain one.
    pub(super) fn optional_listeners(&self) -> impl Iterator<Item = KafkaListener> {
        let all = [
            (self.is_proxied, KafkaListener::Proxied),
            (self.sasl.is_some(), KafkaListener::Sasl),
            (self.mutual_tls.is_some(), KafkaListener::MutualTls),
        ];
        all.into_iter()
            .filter(|(wanted, _)| *wanted)
            .map(|(_, listener)| listener)
    }

    pub(super) fn java_options(&self) -> &[String] {
        &self.java_options
    }

    /// Returns the listeners with TLS and their certificates.
    pub(super) fn certificates(&self) -> Vec<(KafkaListener, &Certificates)> {
        let sasl = self.sasl.iter().map(|own| (KafkaListener::Sasl, own));
        let mutual = self.mutual_tls.iter().map(|own| (KafkaListener::MutualTls, own));
        sasl.chain(mutual).collect()
    }

    /// Returns the arguments of `StorageTool format` that add the users.
    pub(super) fn scram_arguments(&self) -> Vec<String> {
        let of_user = |user: &User| {
            SCRAM.map(|mechanism| {
                let User { name, password } = user;
                // The tool does not unescape quoted values.
                format!("{mechanism}=[name=\"{name}\",password=\"{password}\"]")
            })
        };
        let users = self.users.iter().flat_map(of_user);
        users
            .flat_map(|argument| ["--add-scram".to_owned(), argument])
            .collect()
    }

    /// Returns this part of the broker's properties. `key_store` returns the PEM file of a listener.
    pub(super) fn properties(&self, key_store: impl Fn(KafkaListener) -> String) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        let mut set = |key: &str, value: &str| {
            all.insert(key.to_owned(), value.to_owned());
        };
        for (listener, certificates) in self.certificates() {
            let of_listener = |key: &str| format!("listener.name.{}.ssl.{key}", listener.name().to_lowercase());
            set(&of_listener("keystore.type"), "PEM");
            set(&of_listener("keystore.location"), &key_store(listener));
            if listener == KafkaListener::MutualTls {
                set(&of_listener("truststore.type"), "PEM");
                set(&of_listener("truststore.location"), &path(&certificates.authority()));
                set(&of_listener("client.auth"), "required");
            }
        }
        if self.sasl.is_some() {
            self.add_mechanisms(&mut set);
        }
        if self.has_acls {
            set(
                "authorizer.class.name",
                "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            );
            set("super.users", "User:ANONYMOUS");
        }
        all.extend(self.properties.clone());
        all
    }

    fn add_mechanisms(&self, set: &mut impl FnMut(&str, &str)) {
        const SECURITY: &str = "org.apache.kafka.common.security";
        let users: String = self.users.iter().map(User::to_jaas).collect();
        let modules = [
            ("plain", format!("{SECURITY}.plain.PlainLoginModule required{users};")),
            ("scram-sha-256", format!("{SECURITY}.scram.ScramLoginModule required;")),
            ("scram-sha-512", format!("{SECURITY}.scram.ScramLoginModule required;")),
            (
                "oauthbearer",
                format!("{SECURITY}.oauthbearer.OAuthBearerLoginModule required;"),
            ),
        ];
        let mechanisms = modules.each_ref().map(|(mechanism, _)| mechanism.to_uppercase());
        set("listener.name.sasl.sasl.enabled.mechanisms", &mechanisms.join(","));
        for (mechanism, module) in &modules {
            set(&format!("listener.name.sasl.{mechanism}.sasl.jaas.config"), module);
        }
    }
}

impl User {
    fn to_jaas(&self) -> String {
        format!(" user_{}={}", self.name, quoted(&self.password))
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

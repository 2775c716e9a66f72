use std::path::Path;

use serde_json::{Map, Value, json};

use crate::certificates::Certificates;
use crate::nats::NatsUser;

/// What a nats-server is started with. By default it takes everybody, without JetStream and without TLS.
///
/// Ports, folders and the place in a cluster are the harness's affair.
#[derive(Clone, Debug, Default)]
pub struct NatsConfig {
    jetstream: Option<Map<String, Value>>,
    users: Vec<NatsUser>,
    token: Option<String>,
    tls: Option<Tls>,
    settings: Map<String, Value>,
}

#[derive(Clone, Debug)]
struct Tls {
    certificates: Certificates,
    verify_clients: bool,
}

impl NatsConfig {
    /// The default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With JetStream, whose store lies in the server's folder and survives a restart.
    #[must_use]
    pub fn jetstream(mut self) -> Self {
        self.jetstream.get_or_insert_default();
        self
    }

    /// With JetStream, and a setting of its block, such as `max_file_store`.
    #[must_use]
    pub fn jetstream_setting(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.jetstream
            .get_or_insert_default()
            .insert(key.to_owned(), value.into());
        self
    }

    /// The largest payload that the server takes, in bytes.
    #[must_use]
    pub fn max_payload(self, bytes: usize) -> Self {
        self.setting("max_payload", bytes)
    }

    /// Takes this user, and nobody who is not named.
    #[must_use]
    pub fn user(mut self, user: NatsUser) -> Self {
        self.users.push(user);
        self
    }

    /// Takes whoever has this token. Not together with users.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Clients must use TLS.
    #[must_use]
    pub fn tls(mut self, certificates: &Certificates) -> Self {
        self.tls = Some(Tls {
            certificates: certificates.clone(),
            verify_clients: false,
        });
        self
    }

    /// Clients must use TLS, and show a certificate of the same authority.
    #[must_use]
    pub fn tls_with_client_certificates(mut self, certificates: &Certificates) -> Self {
        self.tls = Some(Tls {
            certificates: certificates.clone(),
            verify_clients: true,
        });
        self
    }

    /// Any other setting of the server's configuration file, at its top level, such as `ping_interval` or
    /// `write_deadline`. It wins over what the harness would write.
    #[must_use]
    pub fn setting(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.settings.insert(key.to_owned(), value.into());
        self
    }

    pub(super) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) fn has_jetstream(&self) -> bool {
        self.jetstream.is_some()
    }

    /// This part of the configuration file, which the server reads as JSON too. `store` is JetStream's folder.
    pub(super) fn to_json(&self, store: &Path) -> Map<String, Value> {
        let mut file = Map::new();
        if let Some(jetstream) = &self.jetstream {
            let mut block = Map::from_iter([("store_dir".to_owned(), json!(store))]);
            block.extend(jetstream.clone());
            file.insert("jetstream".to_owned(), block.into());
        }
        if !self.users.is_empty() {
            let users: Vec<_> = self.users.iter().map(NatsUser::to_json).collect();
            file.insert("authorization".to_owned(), json!({ "users": users }));
        } else if let Some(token) = &self.token {
            file.insert("authorization".to_owned(), json!({ "token": token }));
        }
        if let Some(tls) = &self.tls {
            let block = json!({
                "ca_file": tls.certificates.authority(),
                "cert_file": tls.certificates.server(),
                "key_file": tls.certificates.server_key(),
                "verify": tls.verify_clients,
            });
            file.insert("tls".to_owned(), block);
        }
        file.extend(self.settings.clone());
        file
    }
}

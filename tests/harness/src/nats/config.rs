use std::path::Path;

use serde_json::{Map, Value, json};

use super::user::NatsUser;
use crate::certificates::Certificates;

/// Configuration of a [`NatsServer`](super::NatsServer). Default: no authentication, no JetStream, no TLS.
///
/// The harness sets ports, folders and the cluster's routes.
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
    /// Creates the default configuration.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Enables JetStream. Its store is in the server's folder and survives a restart.
    #[must_use]
    pub fn jetstream(mut self) -> Self {
        self.jetstream.get_or_insert_default();
        self
    }

    /// Enables JetStream and sets an option of its block, such as `max_file_store`.
    #[must_use]
    pub fn jetstream_setting(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.jetstream
            .get_or_insert_default()
            .insert(key.to_owned(), value.into());
        self
    }

    /// Sets the maximum payload in bytes.
    #[must_use]
    pub fn max_payload(self, bytes: usize) -> Self {
        self.setting("max_payload", bytes)
    }

    /// Adds a user. With users, all other clients are rejected.
    #[must_use]
    pub fn user(mut self, user: NatsUser) -> Self {
        self.users.push(user);
        self
    }

    /// Requires this token. Ignored if the configuration has users.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Requires TLS.
    #[must_use]
    pub fn tls(mut self, certificates: &Certificates) -> Self {
        self.tls = Some(Tls {
            certificates: certificates.clone(),
            verify_clients: false,
        });
        self
    }

    /// Requires TLS and a client certificate of the same authority.
    #[must_use]
    pub fn tls_with_client_certificates(mut self, certificates: &Certificates) -> Self {
        self.tls = Some(Tls {
            certificates: certificates.clone(),
            verify_clients: true,
        });
        self
    }

    /// Sets a top-level option of the configuration file, such as `ping_interval` or `write_deadline`. Overrides the
    /// harness's own value.
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

    /// Returns this part of the configuration file as JSON, which nats-server accepts. `store` is JetStream's folder.
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

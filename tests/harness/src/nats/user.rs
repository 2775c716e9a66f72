use serde_json::{Map, Value, json};

/// A user of a [`NatsServer`](super::NatsServer), with all permissions by default.
#[derive(Clone, Debug)]
pub struct NatsUser {
    identity: Map<String, Value>,
    publish: Map<String, Value>,
    subscribe: Map<String, Value>,
}

impl NatsUser {
    /// Creates a user that authenticates with a password.
    #[must_use]
    pub fn with_password(name: &str, password: &str) -> Self {
        Self::new([("user", name), ("password", password)])
    }

    /// Creates a user that authenticates with an NKey. The public key starts with `U`.
    #[must_use]
    pub fn with_nkey(public_key: &str) -> Self {
        Self::new([("nkey", public_key)])
    }

    /// Allows publishing to these subjects only.
    #[must_use]
    pub fn may_publish(mut self, subjects: &[&str]) -> Self {
        self.publish.insert("allow".to_owned(), json!(subjects));
        self
    }

    /// Denies publishing to these subjects.
    #[must_use]
    pub fn may_not_publish(mut self, subjects: &[&str]) -> Self {
        self.publish.insert("deny".to_owned(), json!(subjects));
        self
    }

    /// Allows subscribing to these subjects only. A client that sends requests needs its inbox among them.
    #[must_use]
    pub fn may_subscribe(mut self, subjects: &[&str]) -> Self {
        self.subscribe.insert("allow".to_owned(), json!(subjects));
        self
    }

    /// Denies subscribing to these subjects.
    #[must_use]
    pub fn may_not_subscribe(mut self, subjects: &[&str]) -> Self {
        self.subscribe.insert("deny".to_owned(), json!(subjects));
        self
    }

    fn new<const N: usize>(identity: [(&str, &str); N]) -> Self {
        let identity = identity.map(|(key, value)| (key.to_owned(), json!(value)));
        Self {
            identity: identity.into_iter().collect(),
            publish: Map::new(),
            subscribe: Map::new(),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let permissions = [("publish", &self.publish), ("subscribe", &self.subscribe)];
        let permissions: Map<String, Value> = permissions
            .into_iter()
            .filter(|(_, rules)| !rules.is_empty())
            .map(|(verb, rules)| (verb.to_owned(), json!(rules)))
            .collect();
        let mut user = self.identity.clone();
        if !permissions.is_empty() {
            user.insert("permissions".to_owned(), json!(permissions));
        }
        Value::Object(user)
    }
}

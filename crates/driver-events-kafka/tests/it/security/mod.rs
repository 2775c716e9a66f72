//! Authentication and authorization, with a broker with TLS, passwords, tokens and ACLs.

mod logins;
mod permissions;
mod process_exit;
mod rotation;
mod secrets;
mod tokens;

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use driver_events_core::{DriverEventSink, Receipt};
use driver_events_harness::{Certificates, KafkaBroker, KafkaConfig, KafkaListener, KafkaOperation, KafkaResource};
use driver_events_kafka::{KafkaEventSink, TopicSettings, ensure_topic};
use driver_events_types::GoalId;
use rdkafka::ClientConfig;
use rdkafka::client::OAuthToken;

use crate::support::{config_of, events, in_time, unique_prefix};

/// Has special characters of properties files, shells and URLs; no comma, which Kafka's tools do not accept.
const PASSWORD: &str = "s3cret \"q'u:o=t\\e;{d}[%41]@/?#&$HOME";

/// Deadline for errors that need the operator, far below `message.timeout.ms`.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(8);

struct Secured {
    broker: KafkaBroker,
    certificates: Certificates,
}

/// The broker shared by the security tests.
fn secured() -> &'static Secured {
    static SECURED: OnceLock<Secured> = OnceLock::new();
    SECURED.get_or_init(|| {
        let certificates = Certificates::generate().unwrap();
        let config = KafkaConfig::new()
            .sasl(&certificates)
            .mutual_tls(&certificates)
            .acls()
            .user("driver", PASSWORD)
            // The broker closes a connection when its token expires, unless the client re-authenticates.
            .property("listener.name.sasl.oauthbearer.connections.max.reauth.ms", "3600000")
            // Clients re-authenticate every three seconds.
            .property("listener.name.sasl.scram-sha-512.connections.max.reauth.ms", "3000");
        let config = USERS.iter().fold(config, |config, user| config.user(user, "s3cret"));
        let broker = KafkaBroker::start(config).unwrap();
        Secured { broker, certificates }
    })
}

/// A user for each test that grants and revokes permissions.
const USERS: [&str; 9] = [
    "no-write",
    "no-read",
    "no-group",
    "no-create",
    "no-describe",
    "no-dead",
    "no-commit",
    "revoked",
    "rotated",
];

impl Secured {
    /// TLS without credentials.
    fn config(&self, listener: KafkaListener, protocol: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.broker.bootstrap_servers(listener).unwrap())
            .set("security.protocol", protocol)
            .set("ssl.ca.location", self.certificates.authority().to_str().unwrap());
        config
    }

    fn by_password(&self, mechanism: &str, user: &str, password: &str) -> ClientConfig {
        let mut config = self.config(KafkaListener::Sasl, "SASL_SSL");
        config
            .set("sasl.mechanism", mechanism)
            .set("sasl.username", user)
            .set("sasl.password", password);
        config
    }

    fn user(&self, name: &str) -> ClientConfig {
        self.by_password("SCRAM-SHA-256", name, "s3cret")
    }

    fn by_token(&self) -> ClientConfig {
        let mut config = self.config(KafkaListener::Sasl, "SASL_SSL");
        config.set("sasl.mechanism", "OAUTHBEARER");
        config
    }

    /// Creates a topic with ACLs, and returns its name.
    async fn create_topic(&self, rules: &[(&str, KafkaOperation)]) -> String {
        let topic = format!("{}.agent.driver", unique_prefix());
        let settings = TopicSettings::named(&topic).partitions(1);
        in_time(ensure_topic(&config_of(&self.broker), &settings))
            .await
            .unwrap();
        for (user, operation) in rules {
            self.allow(user, KafkaResource::Topic(&topic), *operation);
        }
        topic
    }

    fn allow(&self, user: &str, resource: KafkaResource<'_>, operation: KafkaOperation) {
        let principal = format!("User:{user}");
        self.broker.admin().allow(&principal, resource, operation).unwrap();
    }

    fn revoke(&self, user: &str, resource: KafkaResource<'_>, operation: KafkaOperation) {
        let principal = format!("User:{user}");
        self.broker.admin().revoke(&principal, resource, operation).unwrap();
    }
}

/// An unsigned token, which a broker without an identity provider accepts.
fn token(user: &str, seconds: u64) -> OAuthToken {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ends = now.as_secs() + seconds;
    let claims = format!(r#"{{"sub":"{user}","iat":{},"exp":{ends}}}"#, now.as_secs() - 60);
    let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    OAuthToken {
        token: format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(&claims)),
        principal_name: user.to_owned(),
        lifetime_ms: i64::try_from(ends * 1000).unwrap(),
    }
}

async fn expect_stored(sink: &KafkaEventSink) {
    let result = in_time(sink.send(events(GoalId::new(), 1).remove(0))).await;
    assert!(matches!(result, Ok(Receipt::Stored(_))), "{result:?}");
}

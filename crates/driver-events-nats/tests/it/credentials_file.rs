//! Credentials files with a user JWT and an NKey seed.

use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, iter};

use data_encoding::BASE64URL_NOPAD;
use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, SinkErrorKind};
use driver_events_harness::{NatsConfig, NatsServer, wait_until};
use driver_events_nats::{NatsEventSink, SetupErrorKind};
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::support::{TIMEOUT, options};

/// An operator and its account, which sign user JWTs.
struct Operator {
    operator: KeyPair,
    account: KeyPair,
}

impl Operator {
    fn new() -> Self {
        Self {
            operator: KeyPair::new_operator(),
            account: KeyPair::new_account(),
        }
    }

    fn server(&self) -> NatsServer {
        let kind = json!({"type": "operator", "version": 2});
        let operator = sign(&self.operator, &self.operator.public_key(), None, kind);
        let unlimited = ["subs", "data", "payload", "imports", "exports", "conn", "leaf"];
        let limits: Value = unlimited.into_iter().map(|name| (name.to_owned(), json!(-1))).collect();
        let kind = json!({"type": "account", "version": 2, "limits": limits});
        let account = sign(&self.operator, &self.account.public_key(), None, kind);
        let accounts: Value = iter::once((self.account.public_key(), json!(account))).collect();
        let config = NatsConfig::new()
            .setting("operator", operator)
            .setting("resolver", "MEMORY")
            .setting("resolver_preload", accounts);
        NatsServer::start(config).unwrap()
    }

    /// Writes the credentials of a new user, valid for `lifetime`.
    fn write_user(&self, path: &Path, lifetime: Duration) -> String {
        let user = KeyPair::new_user();
        let expiry = SystemTime::now() + lifetime;
        let kind = json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1});
        let jwt = sign(&self.account, &user.public_key(), Some(expiry), kind);
        let seed = user.seed().unwrap();
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        fs::write(path, text).unwrap();
        seed
    }
}

fn sign(issuer: &KeyPair, subject: &str, expiry: Option<SystemTime>, kind: Value) -> String {
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    // An expiry of 0 means no expiry.
    let claims = json!({
        "jti": "1", "iat": seconds(SystemTime::now()), "exp": expiry.map_or(0, seconds), "iss": issuer.public_key(),
        "sub": subject, "name": "test", "nats": kind,
    });
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let encode = |part: &Value| BASE64URL_NOPAD.encode(part.to_string().as_bytes());
    let signed = format!("{}.{}", encode(&header), encode(&claims));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

#[tokio::test]
async fn expired_credentials_are_reported_and_replaced() {
    let operator = Operator::new();
    let server = operator.server();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("driver.creds");
    let seed = operator.write_user(&path, Duration::from_secs(2));
    let options = options(&server).credentials_file(&path);
    let options = options.reconnect_delay(Duration::from_millis(10), Duration::from_millis(50));
    let sink = NatsEventSink::builder().options(options).build().await.unwrap();
    let event = || samples::numbered(samples::goal(1), 1);
    sink.publish(event()).await.unwrap();
    sink.flush().await.unwrap();

    let connection = sink.connection().unwrap();
    wait_until("the sink reports the expired user", TIMEOUT, async || {
        let error = sink.publish(event()).await.err();
        error.is_some_and(|error| error.kind() == SinkErrorKind::Unauthorized)
    })
    .await;
    assert!(
        sink.flush().await.is_err(),
        "the last events have not reached the server"
    );
    assert!(connection.last_error().is_some());

    // A temporarily broken file is reported, and the client keeps reconnecting.
    fs::write(&path, &seed).unwrap();
    wait_until("the broken file is reported", TIMEOUT, async || {
        let error = sink.publish(event()).await.unwrap_err().to_string();
        assert!(!error.contains(&seed), "{error}");
        error.contains("invalid credentials file")
    })
    .await;

    operator.write_user(&path, Duration::from_secs(3_600));
    wait_until("the new credentials are used", TIMEOUT, async || {
        connection.is_connected()
    })
    .await;
    // The last events before the expiry are at risk, unless the first flush has reported it.
    let _ = sink.flush().await;
    sink.publish(event()).await.unwrap();
    sink.close().await.unwrap();
}

#[tokio::test]
async fn user_of_another_operator_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("driver.creds");
    let server = Operator::new().server();
    let seed = Operator::new().write_user(&path, Duration::from_secs(3_600));
    let error = options(&server).credentials_file(&path).connect().await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Unauthorized, "{error:?}");
    assert!(!format!("{error:?}").contains(&seed));

    for text in ["", "-----BEGIN NATS USER JWT-----\na.b.c\n", &seed] {
        fs::write(&path, text).unwrap();
        let error = options(&server).credentials_file(&path).connect().await.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error:?}");
        assert!(text.is_empty() || !format!("{error:?}").contains(text));
    }
    let error = options(&server)
        .credentials_file(folder.path().join("none"))
        .connect()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error:?}");
}

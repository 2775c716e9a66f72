use driver_events_harness::{NatsConfig, NatsServer, NatsUser};
use serde_json::json;

use crate::nats_client::NatsClient;

/// Characters with a meaning in configuration files.
const PASSWORD: &str = r#"$2a$x"'\{}#;, 1k"#;

#[test]
fn passwords_and_permissions_are_enforced() {
    let writer = NatsUser::with_password("writer", PASSWORD)
        .may_publish(&["agent.driver.>"])
        .may_not_publish(&["agent.driver.secret"]);
    let config = NatsConfig::new()
        .user(writer)
        .user(NatsUser::with_password("admin", "a"));
    let server = NatsServer::start(config).unwrap();
    let credentials = json!({ "user": "writer", "pass": PASSWORD });

    let mut client = NatsClient::connect(server.client_address(), credentials).unwrap();
    client.publish("agent.driver.decision", "x").unwrap();
    let refused = client.publish("agent.driver.secret", "x").unwrap_err();
    assert!(refused.contains("Permissions Violation for Publish"), "{refused}");

    let wrong = json!({ "user": "writer", "pass": "wrong" });
    let refused = NatsClient::connect(server.client_address(), wrong).err().unwrap();
    assert_eq!(refused, "-ERR 'Authorization Violation'");
}

#[test]
fn token_is_required() {
    let server = NatsServer::start(NatsConfig::new().token("s3cret")).unwrap();
    NatsClient::connect(server.client_address(), json!({ "auth_token": "s3cret" })).unwrap();
    assert!(NatsClient::connect(server.client_address(), json!({})).is_err());
}

#[test]
fn nkey_user_must_sign() {
    let user = NatsUser::with_nkey("UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4")
        .may_subscribe(&["_INBOX.>"])
        .may_not_subscribe(&["a"]);
    let server = NatsServer::start(NatsConfig::new().user(user)).unwrap();
    let refused = NatsClient::connect(server.client_address(), json!({})).err().unwrap();
    assert_eq!(refused, "-ERR 'Authorization Violation'");
    let file = std::fs::read_to_string(server.folder().join("nats.conf")).unwrap();
    assert!(file.contains("UDXU4RCSJN"), "{file}");
}

#[test]
fn reload_revokes_old_credentials() {
    let config = |password| NatsConfig::new().user(NatsUser::with_password("a", password));
    let mut server = NatsServer::start(config("old")).unwrap();
    let mut client = NatsClient::connect(server.client_address(), json!({ "user": "a", "pass": "old" })).unwrap();
    server.reload(config("new")).unwrap();
    assert!(client.publish("any", "thing").is_err());
    NatsClient::connect(server.client_address(), json!({ "user": "a", "pass": "new" })).unwrap();
    // The new configuration survives a restart.
    server.restart().unwrap();
    NatsClient::connect(server.client_address(), json!({ "user": "a", "pass": "new" })).unwrap();
}

#[test]
fn rejected_reload_is_an_error() {
    let mut server = NatsServer::start(NatsConfig::new()).unwrap();
    let error = server
        .reload(NatsConfig::new().setting("max_payload", "a lot"))
        .unwrap_err();
    assert!(error.to_string().contains("nats.conf:4:4: "), "{error}");
    server.kill().unwrap();
    assert!(server.reload(NatsConfig::new()).is_err());
}

#[test]
fn limits_are_enforced() {
    let config = NatsConfig::new()
        .max_payload(1000)
        .jetstream_setting("max_file_store", 1_000_000);
    let server = NatsServer::start(config).unwrap();
    let mut client = NatsClient::anonymous(server.client_address());
    assert_eq!(client.info["max_payload"], 1000);
    assert_eq!(client.info["jetstream"], true);
    assert!(client.publish("any", &"x".repeat(1001)).is_err());
    assert_eq!(server.monitoring("/jsz").unwrap()["config"]["max_storage"], 1_000_000);
}

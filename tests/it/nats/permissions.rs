//! The permissions in `docs/nats.md` are sufficient and minimal.

use std::fs;

use driver_events_core::{DriverEventSink, DriverEventSource, Envelope, SinkErrorKind};
use driver_events_harness::{NatsConfig, NatsServer};
use driver_events_nats::{
    JetStreamEventSink, JetStreamEventSource, NatsEventSink, NatsEventSource, NatsOptions, SetupErrorKind,
    StreamSettings, ensure_stream,
};

use super::consumer::{start, subscribed};
use crate::consumers::LANGUAGES;
use crate::documents::{fenced, root};

/// A server with the users of the page.
fn server() -> NatsServer {
    let document = fs::read_to_string(root().join("docs/nats.md")).unwrap();
    let settings: serde_json::Map<_, _> = serde_json::from_str(&fenced(&document, "json").join("\n")).unwrap();
    let config = settings
        .into_iter()
        .fold(NatsConfig::new().jetstream(), |config, (key, value)| {
            config.setting(&key, value)
        });
    NatsServer::start(config).unwrap()
}

fn options(server: &NatsServer, user: &str) -> NatsOptions {
    let inbox = match user {
        "driver" | "setup" => format!("_INBOX_{user}"),
        _ => "_INBOX".to_owned(),
    };
    NatsOptions::new(server.client_url())
        .user_and_password(user, "change-me")
        .inbox_prefix(inbox)
}

fn escalate() -> Envelope {
    let json = r#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#;
    Envelope::from_json(json).unwrap()
}

#[tokio::test]
async fn documented_permissions_are_sufficient() {
    let server = server();
    let setup = options(&server, "setup").connect().await.unwrap();
    let stream = ensure_stream(setup.client(), &StreamSettings::new("DRIVER"))
        .await
        .unwrap();
    assert!(stream.is_new);

    let driver = options(&server, "driver").connect().await.unwrap();
    let stored = JetStreamEventSink::builder("DRIVER").connection(driver.clone());
    let stored = stored.build().await.unwrap();
    let written = NatsEventSink::builder().connection(driver).build().await.unwrap();
    for language in LANGUAGES {
        let url = |user| {
            server
                .client_url()
                .replace("nats://", &format!("nats://{user}:change-me@"))
        };
        let mut dashboard = start(language, &url("dashboard"), &["--count=2"]);
        subscribed(&mut dashboard, &server, "agent.driver.>").await;
        stored.send(escalate()).await.unwrap();
        written.send(escalate()).await.unwrap();
        written.flush().await.unwrap();
        assert_eq!(dashboard.lines().await.len(), 2);

        // Events that the other consumer acked are not redelivered.
        let archive = ["--stream=DRIVER", "--durable=archive", "--count=2"];
        assert_eq!(start(language, &url("archive"), &archive).lines().await.len(), 2);
    }
    let mut source = JetStreamEventSource::builder("DRIVER")
        .options(options(&server, "archive"))
        .durable("archive")
        .build()
        .await
        .unwrap();
    let again = escalate();
    stored.send(again.clone()).await.unwrap();
    let delivery = source.next().await.unwrap().unwrap();
    assert_eq!(delivery.envelope().unwrap().id(), again.id());
    delivery.ack().await.unwrap();
    source.close().await.unwrap();
    stored.close().await.unwrap();
    written.close().await.unwrap();
}

#[tokio::test]
async fn documented_permissions_are_minimal() {
    let server = server();
    for user in ["dashboard", "archive", "setup"] {
        let sink = NatsEventSink::builder().options(options(&server, user));
        let sink = sink.build().await.unwrap();
        sink.send(escalate()).await.unwrap();
        let error = sink.flush().await.unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Unauthorized, "{user}: {error}");
    }
    for user in ["driver", "archive", "setup"] {
        let source = NatsEventSource::builder().options(options(&server, user));
        let error = source.build().await.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Unauthorized, "{user}: {error}");
    }
    let driver = options(&server, "driver").connect().await.unwrap();
    let settings = StreamSettings::new("DRIVER");
    let made = driver.ensure_stream(&settings).await;
    assert_eq!(made.unwrap_err().kind(), SetupErrorKind::Unauthorized);
    // Without `NatsConnection` a permission violation looks like a missing response.
    let made = ensure_stream(driver.client(), &settings).await;
    assert_eq!(made.unwrap_err().kind(), SetupErrorKind::Unreachable);
}

//! Stream checks, warnings and `ensure_stream`.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{self};
use driver_events_harness::{NatsConfig, NatsServer, NatsUser};
use driver_events_nats::{
    JetStreamEventSink, JetStreamEventSource, SetupError, SetupErrorKind, StreamSettings, StreamWarning, ensure_stream,
};

use crate::jetstream_support::{STREAM, create_stream, default_config, delete_stream, jetstream_server};
use crate::support::{client, in_time, options};

async fn build(client: &Client) -> Result<JetStreamEventSink, SetupError> {
    in_time(JetStreamEventSink::new(client.clone(), STREAM)).await
}

async fn config(client: &Client) -> Config {
    let stream = jetstream::new(client.clone()).get_stream(STREAM).await.unwrap();
    stream.cached_info().config.clone()
}

/// With a core subscriber the server does not report "no responders", and a missing stream looks like a slow one.
#[tokio::test]
async fn build_fails_without_a_stream_despite_a_core_subscriber() {
    let server = jetstream_server();
    let client = client(&server).await;
    let _subscriber = client.subscribe("agent.driver.>").await.unwrap();
    let error = build(&client).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        "stream `DRIVER` does not exist: create it, or correct the name"
    );
}

#[tokio::test]
async fn unfit_streams_are_refused_with_the_remedy() {
    let server = jetstream_server();
    let client = client(&server).await;
    let short = Duration::from_secs(30);
    for (unfit, remedy) in [
        (
            Config {
                subjects: vec!["agent.driver.goal.>".into()],
                ..default_config()
            },
            "add `agent.driver.>` to its subjects",
        ),
        (
            Config {
                subjects: vec!["agent.driver.*".into()],
                ..default_config()
            },
            "does not capture `agent.driver.goal.started`",
        ),
        (
            Config {
                duplicate_window: short,
                ..default_config()
            },
            "use a longer duplicate window",
        ),
        (
            Config {
                no_ack: true,
                ..default_config()
            },
            "does not acknowledge messages",
        ),
    ] {
        create_stream(&client, unfit).await;
        let error = build(&client).await.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Incompatible, "{error}");
        assert!(error.to_string().contains(remedy), "{error}");
        delete_stream(&client).await;
    }
    let sealed = Config {
        sealed: true,
        ..default_config()
    };
    create_stream(&client, default_config()).await;
    let context = jetstream::new(client.clone());
    context.update_stream(sealed).await.unwrap();
    let error = build(&client).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Incompatible, "{error}");
    assert!(error.to_string().contains("is sealed"), "{error}");
    delete_stream(&client).await;
    create_stream(
        &client,
        Config {
            duplicate_window: short,
            ..default_config()
        },
    )
    .await;
    let builder = JetStreamEventSink::builder(STREAM)
        .client(client.clone())
        .retry_timeout(Duration::from_secs(29));
    in_time(builder.build()).await.unwrap();
}

#[tokio::test]
async fn risky_stream_settings_are_warnings() {
    let server = jetstream_server();
    let client = client(&server).await;
    let hour = Duration::from_secs(3_600);
    let known_kinds = ["agent.driver.*", "agent.driver.*.*"].map(String::from).to_vec();
    for (config, warnings) in [
        (default_config(), vec![]),
        (
            Config {
                max_age: hour,
                ..default_config()
            },
            vec![StreamWarning::DeletesByAge { max_age: hour }],
        ),
        (
            Config {
                max_bytes: 1 << 20,
                ..default_config()
            },
            vec![StreamWarning::DiscardsOld],
        ),
        (
            Config {
                max_bytes: 1 << 20,
                discard: DiscardPolicy::New,
                ..default_config()
            },
            vec![],
        ),
        (
            Config {
                max_messages_per_subject: 9,
                ..default_config()
            },
            vec![StreamWarning::DiscardsOld],
        ),
        (
            Config {
                retention: RetentionPolicy::WorkQueue,
                ..default_config()
            },
            vec![StreamWarning::DeletesAcked],
        ),
        (
            Config {
                storage: StorageType::Memory,
                ..default_config()
            },
            vec![StreamWarning::InMemory],
        ),
        (
            Config {
                subjects: known_kinds,
                ..default_config()
            },
            vec![StreamWarning::MissesUnknownKinds {
                wildcard: "agent.driver.>".into(),
            }],
        ),
    ] {
        create_stream(&client, config).await;
        assert_eq!(build(&client).await.unwrap().warnings(), warnings);
        delete_stream(&client).await;
    }
}

#[tokio::test]
async fn ensure_stream_creates_a_stream_and_never_changes_it() {
    let server = jetstream_server();
    let client = client(&server).await;
    let settings = StreamSettings::new(STREAM).max_bytes(1 << 20);
    let created = in_time(ensure_stream(&client, &settings)).await.unwrap();
    assert!(created.is_new && created.warnings.is_empty(), "{created:?}");
    let before = config(&client).await;
    assert_eq!(before.subjects, ["agent.driver.>"]);
    assert_eq!(
        (before.storage, before.discard),
        (StorageType::File, DiscardPolicy::New)
    );
    assert_eq!(
        (before.max_bytes, before.duplicate_window),
        (1 << 20, Duration::from_secs(120))
    );
    assert!(before.allow_direct && before.allow_atomic_publish);

    let other = StreamSettings::new(STREAM)
        .replicas(3)
        .duplicate_window(Duration::from_secs(600))
        .max_age(Duration::from_secs(900));
    let found = in_time(ensure_stream(&client, &other)).await.unwrap();
    assert!(!found.is_new);
    let expected = [
        StreamWarning::FewerReplicas { found: 1, wanted: 3 },
        StreamWarning::ShorterDuplicateWindow {
            found: Duration::from_secs(120),
            wanted: Duration::from_secs(600),
        },
    ];
    assert_eq!(found.warnings, expected);
    assert_eq!(config(&client).await, before, "an existing stream is never changed");

    let error = in_time(ensure_stream(&client, &StreamSettings::new("OTHER")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Incompatible);
    assert!(
        error.to_string().contains("another stream captures these subjects"),
        "{error}"
    );
    let error = in_time(ensure_stream(&client, &StreamSettings::new("a.b")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Invalid);
}

#[tokio::test]
async fn ensure_stream_keeps_the_duplicate_window_limit_of_the_server() {
    for (limit, seconds) in [("20s", 20), ("1m30s", 90), ("1h", 3_600)] {
        let limits = serde_json::json!({ "duplicate_window": limit });
        let server = NatsServer::start(NatsConfig::new().jetstream_setting("limits", limits)).unwrap();
        let client = client(&server).await;
        let (found, wanted) = (Duration::from_secs(seconds), Duration::from_secs(7_200));
        let settings = StreamSettings::new(STREAM).duplicate_window(wanted);
        let created = in_time(ensure_stream(&client, &settings)).await.unwrap();
        let expected = StreamWarning::ShorterDuplicateWindow { found, wanted };
        assert!(created.is_new);
        assert_eq!(created.warnings, [expected]);
        assert_eq!(config(&client).await.duplicate_window, found);
    }
}

#[tokio::test]
async fn limits_of_the_server_that_are_reached_are_unreachable() {
    let limits = serde_json::json!({ "default_max_consumers": 1 });
    let config = NatsConfig::new().jetstream_setting("limits", limits);
    let server = NatsServer::start(config.jetstream_setting("max_file_store", 1 << 20)).unwrap();
    let client = client(&server).await;
    let large = StreamSettings::new("LARGE").prefix("large").max_bytes(1 << 30);
    let error = in_time(ensure_stream(&client, &large)).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Unreachable, "{error}");
    assert!(error.to_string().contains("no storage or memory left"), "{error}");

    let one_consumer = Config {
        max_consumers: 1,
        ..default_config()
    };
    create_stream(&client, one_consumer).await;
    let source = || JetStreamEventSource::builder(STREAM).client(client.clone());
    let _source = in_time(source().build()).await.unwrap();
    for source in [source(), source().durable("audit")] {
        let error = in_time(source.build()).await.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Unreachable, "{error}");
        assert!(error.to_string().contains("delete unused consumers"), "{error}");
    }
}

#[tokio::test]
async fn concurrent_ensure_stream_calls_both_succeed() {
    let server = jetstream_server();
    let client = client(&server).await;
    let settings = StreamSettings::new(STREAM);
    let both = tokio::join!(ensure_stream(&client, &settings), ensure_stream(&client, &settings));
    let (one, other) = (both.0.unwrap(), both.1.unwrap());
    assert!(one.warnings.is_empty() && other.warnings.is_empty());
    assert!(one.is_new || other.is_new);
}

#[tokio::test]
async fn build_fails_without_jetstream_or_permission() {
    let server = crate::support::server();
    let error = build(&client(&server).await).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Unreachable, "{error}");

    let user = NatsUser::with_password("ada", "s3cret").may_not_publish(&["$JS.API.>"]);
    let server = NatsServer::start(NatsConfig::new().jetstream().user(user)).unwrap();
    let options = options(&server).user_and_password("ada", "s3cret");
    let error = in_time(JetStreamEventSink::builder(STREAM).options(options).build())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Unauthorized, "{error}");
}

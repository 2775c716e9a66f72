//! Streams that are fit for a sink, and those that are not.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{self};
use driver_events_harness::{NatsConfig, NatsServer, NatsUser};
use driver_events_nats::{
    JetStreamEventSink, SetupError, SetupErrorKind, StreamSettings, StreamWarning, ensure_stream,
};

use crate::jetstream_support::{STREAM, jetstream_server, make, plain};
use crate::support::{client, in_time, options};

async fn build(client: &Client) -> Result<JetStreamEventSink, SetupError> {
    in_time(JetStreamEventSink::new(client.clone(), STREAM)).await
}

async fn config(client: &Client) -> Config {
    let stream = jetstream::new(client.clone()).get_stream(STREAM).await.unwrap();
    stream.cached_info().config.clone()
}

/// The trap: where somebody listens to the subjects, a stream that is missing is as silent as a slow one.
#[tokio::test]
async fn a_missing_stream_is_told_at_the_start_also_beside_a_core_subscriber() {
    let server = jetstream_server();
    let client = client(&server).await;
    let _subscriber = client.subscribe("agent.driver.>").await.unwrap();
    let error = build(&client).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::NoStream);
    assert_eq!(
        error.to_string(),
        "the stream \"DRIVER\" does not exist: make it, or correct the name"
    );
}

#[tokio::test]
async fn a_stream_that_cannot_keep_the_promise_is_refused() {
    let server = jetstream_server();
    let client = client(&server).await;
    let short = Duration::from_secs(30);
    for (unfit, told) in [
        (
            Config {
                subjects: vec!["agent.driver.goal.>".into()],
                ..plain()
            },
            "add \"agent.driver.>\" to its subjects",
        ),
        (
            Config {
                subjects: vec!["agent.driver.*".into()],
                ..plain()
            },
            "does not take \"agent.driver.goal.started\"",
        ),
        (
            Config {
                duplicate_window: short,
                ..plain()
            },
            "widen its duplicate window",
        ),
        (
            Config {
                no_ack: true,
                ..plain()
            },
            "does not acknowledge events",
        ),
    ] {
        make(&client, unfit).await;
        let error = build(&client).await.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::UnfitStream, "{error}");
        assert!(error.to_string().contains(told), "{error}");
        jetstream::new(client.clone()).delete_stream(STREAM).await.unwrap();
    }
    make(
        &client,
        Config {
            duplicate_window: short,
            ..plain()
        },
    )
    .await;
    let patient = JetStreamEventSink::builder(STREAM)
        .client(client.clone())
        .retry_timeout(Duration::from_secs(29));
    in_time(patient.build()).await.unwrap();
}

#[tokio::test]
async fn what_the_owner_of_a_stream_should_know_are_warnings() {
    let server = jetstream_server();
    let client = client(&server).await;
    let hour = Duration::from_secs(3_600);
    let every_known = ["agent.driver.*", "agent.driver.*.*"].map(String::from).to_vec();
    for (config, warnings) in [
        (plain(), vec![]),
        (
            Config {
                max_age: hour,
                ..plain()
            },
            vec![StreamWarning::ForgetsByAge { max_age: hour }],
        ),
        (
            Config {
                max_bytes: 1 << 20,
                ..plain()
            },
            vec![StreamWarning::DiscardsOld],
        ),
        (
            Config {
                max_bytes: 1 << 20,
                discard: DiscardPolicy::New,
                ..plain()
            },
            vec![],
        ),
        (
            Config {
                max_messages_per_subject: 9,
                ..plain()
            },
            vec![StreamWarning::DiscardsOld],
        ),
        (
            Config {
                retention: RetentionPolicy::WorkQueue,
                ..plain()
            },
            vec![StreamWarning::ForgetsWhatWasRead],
        ),
        (
            Config {
                storage: StorageType::Memory,
                ..plain()
            },
            vec![StreamWarning::InMemory],
        ),
        (
            Config {
                subjects: every_known,
                ..plain()
            },
            vec![StreamWarning::MissesUnknownKinds {
                wildcard: "agent.driver.>".into(),
            }],
        ),
    ] {
        make(&client, config).await;
        assert_eq!(build(&client).await.unwrap().warnings(), warnings);
        jetstream::new(client.clone()).delete_stream(STREAM).await.unwrap();
    }
}

#[tokio::test]
async fn a_stream_is_made_with_sound_settings_and_never_changed() {
    let server = jetstream_server();
    let client = client(&server).await;
    let settings = StreamSettings::new(STREAM).max_bytes(1 << 20);
    let made = in_time(ensure_stream(&client, &settings)).await.unwrap();
    assert!(made.is_new && made.warnings.is_empty(), "{made:?}");
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
        .duplicate_window(Duration::from_secs(600))
        .max_age(Duration::from_secs(900));
    let found = in_time(ensure_stream(&client, &other)).await.unwrap();
    assert!(!found.is_new);
    let shorter = StreamWarning::ShorterDuplicateWindow {
        found: Duration::from_secs(120),
        wanted: Duration::from_secs(600),
    };
    assert_eq!(found.warnings, [shorter]);
    assert_eq!(config(&client).await, before, "one that exists is never changed");

    let error = in_time(ensure_stream(&client, &StreamSettings::new("OTHER")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::UnfitStream);
    assert!(
        error.to_string().contains("another stream takes these events already"),
        "{error}"
    );
    let error = in_time(ensure_stream(&client, &StreamSettings::new("a.b")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Invalid);
}

#[tokio::test]
async fn two_that_make_a_stream_at_once_both_have_it() {
    let server = jetstream_server();
    let client = client(&server).await;
    let settings = StreamSettings::new(STREAM);
    let both = tokio::join!(ensure_stream(&client, &settings), ensure_stream(&client, &settings));
    let (one, other) = (both.0.unwrap(), both.1.unwrap());
    assert!(one.warnings.is_empty() && other.warnings.is_empty());
    assert!(one.is_new || other.is_new);
}

#[tokio::test]
async fn a_server_without_jetstream_and_a_user_who_may_not_look_are_told() {
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

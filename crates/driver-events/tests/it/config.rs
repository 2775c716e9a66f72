//! Options and URLs in a configuration file.

use std::time::Duration;

use driver_events::{EventKind, Options, Protocol, SinkUrl, SourceUrl, StartPosition};

use crate::from_config;

#[derive(Debug, serde::Deserialize)]
struct Config {
    sink: String,
    source: Option<String>,
    #[serde(default)]
    options: Options,
}

fn error_of(text: &str) -> String {
    toml::from_str::<Config>(text).unwrap_err().to_string()
}

#[test]
fn keys_are_the_options_of_the_command() {
    let config: Config = toml::from_str(
        r#"
        sink = "file:/tmp/run.ndjson"
        source = "stdin:"
        [options]
        timeout = "2m 30s"
        create-stream = true
        create-topic = true
        check-later = true
        duplicate-window = "10min"
        kinds = ["escalate", "from_the_future"]
        goals = []
        since = "2026-01-31T12:00:00Z"
        durable = "audit"
        group = "audit"
        dead-letters = "dead"
        nats-creds = "a"
        nats-nkey = "b"
        nats-user = "c"
        nats-ca = "d"
        nats-cert = "e"
        nats-key = "f"
        kafka-properties = { "linger.ms" = 5, "enable.ssl.certificate.verification" = false, "client.rack" = "a" }
        kafka-config = "g"
        kafka-user = "h"
        kafka-mechanism = "i"
        kafka-ca = "j"
        kafka-cert = "k"
        kafka-key = "l"
        "#,
    )
    .unwrap();
    assert_eq!(SinkUrl::parse(config.sink).unwrap().protocol(), Protocol::File);
    assert_eq!(
        SourceUrl::parse(config.source.unwrap()).unwrap().protocol(),
        Protocol::Stdin
    );
    let options = config.options;
    assert_eq!(options.timeout, Some(Duration::from_secs(150)));
    assert_eq!(options.duplicate_window, Some(Duration::from_secs(600)));
    assert!(matches!(options.since, Some(StartPosition::Time(_))));
    assert!(options.create_stream && options.create_topic && options.check_later);
    // An empty list selects nothing; no list, everything.
    let event = samples();
    assert!(!options.filter().selects(&event));
    assert!(Options::default().filter().selects(&event));
}

fn samples() -> driver_events::Envelope {
    driver_events::Envelope::new(driver_events::DriverEvent::Escalate {
        goal_id: driver_events::GoalId::new(),
        reason: EventKind::Escalate.to_string(),
    })
}

#[test]
fn mistakes_are_reported_with_their_line() {
    let misspelt = error_of("sink = \"stdout:\"\n[options]\ncreate_stream = true\n");
    assert!(
        misspelt.contains("unknown field `create_stream`") && misspelt.contains("line 3"),
        "{misspelt}"
    );
    let duration = error_of("sink = \"stdout:\"\n[options]\ntimeout = \"soon\"\n");
    assert!(duration.contains("invalid duration `soon`"), "{duration}");
    let start = error_of("sink = \"stdout:\"\n[options]\nsince = \"soon\"\n");
    assert!(start.contains("expected a duration such as `10m`"), "{start}");
}

#[test]
fn debug_shows_no_secret() {
    let options: Options = toml::from_str("kafka-properties = { \"sasl.password\" = \"s3cret\" }").unwrap();
    assert!(!format!("{options:?}").contains("s3cret"));
    for text in ["file:/tmp/x", "stdout:"] {
        assert!(format!("{:?}", SinkUrl::parse(text).unwrap()).contains(text));
    }
    #[cfg(feature = "nats")]
    for url in [
        "nats://ada:s3cret@h",
        "jetstream://s3cret@h/DRIVER",
        "tls://ada:s3@cret@h",
    ] {
        let (sink, source) = (SinkUrl::parse(url).unwrap(), SourceUrl::parse(url).unwrap());
        let shown = format!("{sink:?} {sink} {source:?} {source}");
        assert!(!shown.contains("s3cret") && !shown.contains("cret@"), "{shown}");
    }
}

#[tokio::test]
async fn example_publishes_to_the_configured_sink() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    let config = format!("sink = \"file:{}\"", path.display());
    from_config::run(&config).await.unwrap();
    let lines = std::fs::read_to_string(path).unwrap();
    assert_eq!(lines.lines().count(), 1);
    assert!(lines.contains(r#""reason":"needs a person""#), "{lines}");
    // The file beside the example is valid.
    let shipped = include_str!("../../examples/driver.toml");
    #[cfg(feature = "nats")]
    SinkUrl::parse(toml::from_str::<Config>(shipped).unwrap().sink).unwrap();
    #[cfg(not(feature = "nats"))]
    assert!(
        from_config::run(shipped)
            .await
            .unwrap_err()
            .to_string()
            .contains("enable the cargo feature `nats`")
    );
}

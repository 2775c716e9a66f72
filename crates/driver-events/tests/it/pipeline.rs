//! The pipeline of a driver loop, from its configuration.

use std::fs;
use std::path::Path;

use driver_events::cloudevents::read_structured;
use driver_events::{
    DriverEvent, DriverEventSink, Envelope, GoalId, Guarantee, Limits, OnFull, Pipeline, REDACTED, SetupErrorKind,
};

fn escalate() -> DriverEvent {
    DriverEvent::Escalate {
        goal_id: GoalId::new(),
        reason: "a secret".into(),
    }
}

fn read(path: &Path) -> Vec<Envelope> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .map(|line| read_structured(&line.to_owned().into(), Limits::default()));
    lines.map(Result::unwrap).collect()
}

#[cfg(feature = "spool")]
#[tokio::test]
async fn events_pass_a_configured_pipeline() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let text = format!(
        r#"
        source = "urn:example:night-shift"
        redact = "metadata-only"
        spool = "{}"
        durability = "power"
        retention = 100
        max-bytes = 10000000
        to = ["file:{}", "file:{}"]
        close-timeout = "20s"
        "#,
        file("events.db").display(),
        file("a.ndjson").display(),
        file("b.ndjson").display()
    );
    let pipeline: Pipeline = toml::from_str(&text).unwrap();
    let opened = pipeline.open().await.unwrap();
    assert_eq!(opened.sink.guarantee(), Guarantee::Spooled);
    let goal_id = GoalId::new();
    for number in 0..3 {
        let reason = format!("a secret: {number}");
        opened
            .sink
            .publish(DriverEvent::Escalate { goal_id, reason })
            .await
            .unwrap();
    }
    opened.sink.close().await.unwrap();
    let health = opened.health().unwrap();
    assert_eq!((health.accepted, health.max_bytes), (3, 10_000_000));
    assert_eq!(health.targets.len(), 2);
    for name in ["a.ndjson", "b.ndjson"] {
        let events = read(&file(name));
        assert_eq!(events.len(), 3, "{name}");
        for (event, sequence) in events.iter().zip(1..) {
            assert_eq!(event.source(), "urn:example:night-shift");
            assert_eq!(event.stamp().unwrap().sequence, sequence);
            let reason = REDACTED.to_owned();
            assert_eq!(event.event(), Some(&DriverEvent::Escalate { goal_id, reason }));
        }
    }
    // Nothing in the file either, which keeps delivered events.
    let bytes = fs::read(file("events.db")).unwrap();
    let secret = b"a secret";
    assert!(!bytes.windows(secret.len()).any(|window| window == secret));
}

#[tokio::test]
async fn buffers_keep_events_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ndjson");
    let pipeline = Pipeline::new("urn:example:driver")
        .buffer(OnFull::Wait)
        .to(format!("file:{}", path.display()))
        .to(format!("file:{}", folder.path().join("b.ndjson").display()));
    let opened = pipeline.open().await.unwrap();
    assert_eq!(opened.sink.guarantee(), Guarantee::Buffered);
    opened.sink.publish(escalate()).await.unwrap();
    opened.sink.close().await.unwrap();
    assert_eq!(read(&path).len(), 1);
    #[cfg(feature = "spool")]
    assert_eq!(opened.health(), None);
}

#[tokio::test]
async fn unusable_pipelines_are_refused() {
    let new = || Pipeline::new("urn:example:driver");
    for (pipeline, expected) in [
        (new().buffer(OnFull::Wait), "no target"),
        (new().to("stdout:"), "set `spool` or `buffer`"),
        (new().buffer(OnFull::Wait).to("amqp://h"), "unknown scheme `amqp:`"),
        (
            Pipeline::new("not a uri").buffer(OnFull::Wait).to("stdout:"),
            "cannot open `pipeline`",
        ),
    ] {
        let error = pipeline.open().await.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Invalid);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn mistakes_in_a_configuration_are_named() {
    let base = "source = \"urn:a\"\nto = [\"stdout:\"]\n";
    for (lines, expected) in [
        ("buffer = \"drop\"", "unknown variant `drop`"),
        ("redact = \"all\"", "unknown variant `all`"),
        ("bufer = \"wait\"", "unknown field `bufer`"),
        (
            "buffer = \"wait\"\nspool = \"a.db\"",
            "`spool` and `buffer` exclude each other",
        ),
        ("buffer = \"wait\"\ndurability = \"power\"", "require `spool`"),
        ("buffer = \"wait\"\nclose-timeout = \"soon\"", "invalid duration `soon`"),
        #[cfg(feature = "spool")]
        ("spool = \"a.db\"\ndurability = \"disk\"", "unknown durability `disk`"),
        #[cfg(feature = "spool")]
        (
            "spool = \"a.db\"\nretention = \"week\"",
            "write a number of events or a duration",
        ),
        #[cfg(not(feature = "spool"))]
        ("spool = \"a.db\"", "enable the cargo feature `spool`"),
    ] {
        let error = toml::from_str::<Pipeline>(&format!("{base}{lines}")).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let error = toml::from_str::<Pipeline>("to = []").unwrap_err();
    assert!(error.to_string().contains("missing field `source`"), "{error}");
}

//! URLs and options that are wrong: the error says what to correct.

use driver_events::{Options, SetupErrorKind, SinkUrl, SourceUrl, open_sink, open_source};

#[test]
fn invalid_urls_are_rejected() {
    for (url, reason) in [
        ("", "missing scheme"),
        ("run.ndjson", "missing scheme"),
        ("s3cret@h:4222", "missing scheme, such as `file:`"),
        ("amqp://h", "unknown scheme `amqp:`"),
        ("stdout:/x", "`stdout:` takes no path"),
        ("stdout:?format=xml", "unknown format `xml`"),
        ("stdout:?colour", "unknown parameter `colour`: expected `format`"),
        ("file:", "missing path"),
        ("file:a?format=json&format=json", "duplicate parameter `format`"),
        ("file:100%", "invalid percent-encoding"),
        ("file://host/a", "cannot access a file on another host"),
    ] {
        let error = SinkUrl::parse(url).unwrap_err();
        assert!(error.to_string().contains(reason), "{url}: {error}");
    }
    for (url, reason) in [
        ("stdout:", "unknown scheme `stdout:`: expected `stdin:`"),
        ("stdin:/x", "`stdin:` takes no path"),
        ("file:a?format=json", "unknown parameter `format`"),
    ] {
        let error = SourceUrl::parse(url).unwrap_err();
        assert!(error.to_string().contains(reason), "{url}: {error}");
    }
}

#[cfg(not(all(feature = "nats", feature = "kafka")))]
#[test]
fn url_names_the_missing_feature() {
    for (url, feature, is_enabled) in [
        ("nats://h", "nats", cfg!(feature = "nats")),
        ("jetstream://h/S", "nats", cfg!(feature = "nats")),
        ("kafka://h", "kafka", cfg!(feature = "kafka")),
    ] {
        let expected = format!("enable the cargo feature `{feature}`");
        for error in [SinkUrl::parse(url).err(), SourceUrl::parse(url).err()] {
            match error {
                Some(error) => assert!(error.to_string().ends_with(&expected), "{error}"),
                None => assert!(is_enabled, "{url}"),
            }
        }
    }
}

#[tokio::test]
async fn error_names_url_reason_and_kind_without_secrets() {
    let error = open_sink("amqp://ada:s3cret@h", &Options::default()).await.unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::Invalid);
    assert_eq!(error.url(), "amqp://..@h");
    let text = error.to_string();
    assert!(
        text.starts_with("cannot open `amqp://..@h`: unknown scheme `amqp:`"),
        "{text}"
    );

    for url in [
        "s3cret@h:4222",
        "nats://ada:s3cret@h?user=s3cret",
        "tls://h?tls=false&token=s3cret",
    ] {
        let error = open_sink(url, &Options::default()).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }

    let error = open_source("file:/missing/events", &Options::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::NotFound);
    let error = open_sink("file:/missing/events", &Options::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SetupErrorKind::NotFound);
    for error in [
        open_sink("file:/", &Options::default()).await.unwrap_err(),
        open_source("file:/", &Options::default()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), SetupErrorKind::Incompatible);
        assert!(std::error::Error::source(&error).is_some());
    }
}

/// A reader would lose its position.
#[tokio::test]
async fn option_of_another_source_is_an_error() {
    let with = |set: fn(&mut Options)| {
        let mut options = Options::default();
        set(&mut options);
        options
    };
    for (options, reason) in [
        (
            with(|options| options.since = "1h".parse().ok()),
            "option `since` requires",
        ),
        (
            with(|options| options.durable = Some("a".into())),
            "option `durable` requires",
        ),
        (
            with(|options| options.group = Some("a".into())),
            "option `group` requires",
        ),
        (
            with(|options| options.dead_letters = Some("a".into())),
            "option `dead-letters` requires",
        ),
    ] {
        let error = open_source("stdin:", &options).await.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Invalid);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[cfg(all(feature = "nats", feature = "kafka"))]
#[tokio::test]
async fn later_checks_conflict_with_creating() {
    let mut options = Options::default();
    (options.check_later, options.create_stream, options.create_topic) = (true, true, true);
    for url in ["jetstream://127.0.0.1:9/DRIVER", "kafka://127.0.0.1:9"] {
        let error = open_sink(url, &options).await.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Invalid);
        assert!(
            error.to_string().contains("option `check-later` conflicts with"),
            "{error}"
        );
    }
}

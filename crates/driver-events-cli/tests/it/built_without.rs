//! Builds without a transport, as `cargo xtask tests --without kafka`, `--without nats` and `--no-brokers` make them.

#[cfg(not(feature = "nats"))]
#[test]
fn nats_url_names_the_missing_feature() {
    for scheme in ["nats", "tls", "jetstream"] {
        assert_missing_feature(&format!("{scheme}://127.0.0.1:4222/DRIVER"), "NATS", "nats");
    }
}

#[cfg(not(feature = "kafka"))]
#[test]
fn kafka_url_names_the_missing_feature() {
    assert_missing_feature("kafka://127.0.0.1:9092", "Kafka", "kafka");
}

#[cfg(not(feature = "spool"))]
#[test]
fn spool_url_names_the_missing_feature() {
    assert_missing_feature("spool:events.db?to=stdout:", "a spool", "spool");
}

#[cfg(not(any(feature = "nats", feature = "kafka", feature = "spool")))]
#[test]
fn version_lists_no_features() {
    let ended = crate::support::run(["--version"]);
    assert!(ended.stdout().ends_with("\nbuilt with: none\n"), "{}", ended.stdout());
}

#[cfg(not(all(feature = "nats", feature = "kafka", feature = "spool")))]
fn assert_missing_feature(url: &str, name: &str, feature: &str) {
    for arguments in [["publish", "--to", url], ["tail", "--from", url]] {
        let ended = crate::support::run(arguments);
        assert_eq!((ended.code, ended.stdout()), (2, ""), "{arguments:?}");
        let reason = format!("this build does not support {name}: enable the cargo feature `{feature}`");
        assert!(ended.stderr.contains(&reason), "{}", ended.stderr);
    }
}

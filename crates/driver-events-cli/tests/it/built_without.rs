//! What a program says that was built without a feature. `cargo xtask features` builds one.

#[cfg(not(feature = "nats"))]
#[test]
fn nats_is_named_and_how_to_get_it() {
    for scheme in ["nats", "tls", "jetstream"] {
        says_how_to_get(&format!("{scheme}://127.0.0.1:4222/DRIVER"), "NATS", "nats");
    }
}

#[cfg(not(feature = "kafka"))]
#[test]
fn kafka_is_named_and_how_to_get_it() {
    says_how_to_get("kafka://127.0.0.1:9092", "Kafka", "kafka");
}

#[cfg(not(any(feature = "nats", feature = "kafka")))]
#[test]
fn the_version_tells_it() {
    let ended = crate::support::run(["--version"]);
    assert!(ended.stdout().ends_with("\nbuilt with: none\n"), "{}", ended.stdout());
}

#[cfg(not(all(feature = "nats", feature = "kafka")))]
fn says_how_to_get(url: &str, name: &str, feature: &str) {
    for arguments in [["publish", "--to", url], ["tail", "--from", url]] {
        let ended = crate::support::run(arguments);
        assert_eq!((ended.code, ended.stdout()), (2, ""), "{arguments:?}");
        let reason = format!(
            "this program was built without {name}: `cargo install driver-events-cli --features {feature}` builds one \
             with it"
        );
        assert!(ended.stderr.contains(&reason), "{}", ended.stderr);
    }
}

//! The command-line tool built without a transport, as the first command of the README builds it.

use std::process::{Command, Output};

use super::root;

/// Checks that the tool names the missing feature. No test of its own: the commands of the pages replace the binary.
pub(super) fn names_the_missing_feature() {
    let urls = [
        ("nats://127.0.0.1:4222", "NATS", "nats"),
        ("tls://127.0.0.1:4222", "NATS", "nats"),
        ("jetstream://127.0.0.1:4222/DRIVER", "NATS", "nats"),
        ("kafka://127.0.0.1:9092", "Kafka", "kafka"),
    ];
    for (url, name, feature) in urls {
        for arguments in [["publish", "--to", url], ["tail", "--from", url]] {
            let ended = run(&arguments);
            assert_eq!(
                (ended.status.code(), &*ended.stdout),
                (Some(2), &b""[..]),
                "{arguments:?}"
            );
            let stderr = String::from_utf8_lossy(&ended.stderr);
            let reason = format!("this build does not support {name}: enable the cargo feature `{feature}`");
            assert!(stderr.contains(&reason), "{stderr}");
        }
    }
    let version = run(&["--version"]).stdout;
    assert!(version.ends_with(b"\nbuilt with: none\n"), "{version:?}");
}

fn run(arguments: &[&str]) -> Output {
    Command::new("cargo")
        .current_dir(root())
        .args([
            "run",
            "--quiet",
            "--package",
            "driver-events-cli",
            "--no-default-features",
            "--",
        ])
        .args(arguments)
        .output()
        .unwrap()
}

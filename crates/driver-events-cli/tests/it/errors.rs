//! Errors of the operating system and of servers print each cause once.
//!
//! [`run`] itself checks that no cause is repeated.

use std::fs::File;

use crate::support::{Ended, run};

fn assert_fails(code: i32, ended: &Ended, cause: &str) {
    assert_eq!((ended.code, ended.stdout()), (code, ""), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches(cause).count(), 1, "{cause}: {}", ended.stderr);
}

#[test]
fn missing_file_is_reported_once() {
    let cause = File::open("/missing/x").unwrap_err().to_string();
    for arguments in [
        &["publish", "/missing/x", "--to", "stdout:"][..],
        &["publish", "--to", "file:/missing/x"],
        &["publish", "--to", "stdout:", "--rejects", "/missing/x"],
        &["tail", "--from", "file:/missing/x"],
    ] {
        assert_fails(1, &run(arguments), &cause);
    }
}

/// A kernel setting without write permission, which root cannot open either.
#[cfg(target_os = "linux")]
#[test]
fn permission_denied_is_reported_once() {
    let path = "/proc/sys/kernel/osrelease";
    let cause = File::options().append(true).open(path).unwrap_err().to_string();
    assert_fails(1, &run(["publish", "--to", &format!("file:{path}")]), &cause);
    assert_fails(1, &run(["publish", "--to", "stdout:", "--rejects", path]), &cause);
}

#[cfg(feature = "nats")]
#[test]
fn unreachable_nats_server_is_reported_once() {
    for url in [
        "nats://127.0.0.1:1",
        "tls://127.0.0.1:1",
        "jetstream://127.0.0.1:1/DRIVER",
    ] {
        for arguments in [["publish", "--to", url], ["tail", "--from", url]] {
            assert_fails(1, &run(arguments), "Connection refused (os error 111)");
        }
    }
}

#[cfg(feature = "kafka")]
#[test]
fn unreachable_kafka_broker_is_reported_once() {
    let url = "kafka://127.0.0.1:1";
    for arguments in [["publish", "--to", url], ["tail", "--from", url]] {
        let ended = run(arguments);
        assert_fails(1, &ended, "Connection refused");
        assert_fails(1, &ended, "BrokerTransportFailure (Local: Broker transport failure)");
    }
}

#[cfg(feature = "nats")]
#[test]
fn unusable_nats_file_is_reported_once() {
    let url = "tls://127.0.0.1:1";
    let missing = File::open("/missing/x").unwrap_err().to_string();
    for option in ["--nats-ca", "--nats-creds", "--nats-nkey"] {
        assert_fails(2, &run(["publish", "--to", url, option, "/missing/x"]), &missing);
    }
    let (folder, file) = invalid_certificate();
    let directory = folder.path().to_str().unwrap();
    let is_directory = std::fs::read(directory).unwrap_err().to_string();
    for option in ["--nats-ca", "--nats-creds", "--nats-nkey"] {
        assert_fails(2, &run(["publish", "--to", url, option, directory]), &is_directory);
    }
    let reason = format!("no PEM certificate in `{file}`");
    assert_fails(2, &run(["publish", "--to", url, "--nats-ca", &file]), &reason);
}

#[cfg(feature = "kafka-tls")]
#[test]
fn unusable_kafka_file_is_reported_once() {
    let (_folder, file) = invalid_certificate();
    for path in ["/missing/x", &file] {
        let ended = run(["publish", "--to", "kafka://127.0.0.1:1", "--kafka-ca", path]);
        assert_fails(2, &ended, "ssl.ca.location failed");
    }
}

/// Returns a directory and the path of a file in it that is no certificate.
#[cfg(any(feature = "nats", feature = "kafka-tls"))]
fn invalid_certificate() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.pem");
    std::fs::write(&path, "not a certificate\n").unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

//! Who the command is to a broker of Kafka, and whom it trusts.

use std::fs;
use std::process::{Output, Stdio};

use driver_events_harness::{KafkaListener, KafkaOperation, KafkaResource};
use tempfile::tempdir;

use crate::kafka_broker::{address, broker, certificates, fresh};
use crate::support::{Ended, command, escalate, run_with};

/// The URL of a fresh topic by another listener, and the topic, which ada may do this with.
fn topic_at(listener: KafkaListener, principal: &str, operations: &[KafkaOperation]) -> (String, String) {
    let (url, topic) = fresh();
    let ended = run_with(b"", ["publish", "--to", &url, "--create-topic"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for operation in operations {
        let resource = KafkaResource::Topic(&topic);
        broker().admin().allow(principal, resource, *operation).unwrap();
    }
    let plain = address(broker(), KafkaListener::Plain);
    (url.replace(&plain, &address(broker(), listener)), topic)
}

/// Runs `publish` with one event.
fn publish(url: &str, options: &[&str], environment: &[(&str, &str)]) -> Ended {
    let folder = tempdir().unwrap();
    let path = folder.path().join("one.ndjson");
    fs::write(&path, escalate("one")).unwrap();
    let arguments = ["publish", path.to_str().unwrap(), "--to", url];
    let Output { status, stdout, stderr } = command(arguments.iter().chain(options))
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(!stderr.contains("s3cret"), "{stderr}");
    Ended {
        code: status.code().unwrap(),
        stdout,
        stderr,
    }
}

const ADA: [(&str, &str); 2] = [("KAFKA_USER", "ada"), ("KAFKA_PASSWORD", "s3cret:@/=")];

#[test]
fn a_user_and_a_password_are_in_the_environment_or_in_a_file() {
    let (url, _) = topic_at(KafkaListener::Sasl, "User:ada", &[KafkaOperation::Write]);
    let authority = certificates().authority();
    let authority = authority.to_str().unwrap();
    let ca = ["--kafka-ca", authority];
    let scram = ["--kafka-ca", authority, "--kafka-mechanism", "scram-sha-512"];
    for options in [&ca[..], &scram] {
        let ended = publish(&url, options, &ADA);
        assert_eq!(ended.code, 0, "{options:?}: {}", ended.stderr);
    }
    let folder = tempdir().unwrap();
    let file = folder.path().join("kafka.properties");
    let properties = format!(
        "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-256\nsasl.username=ada\nsasl.password=s3cret:@/=\n\
         ssl.ca.location={authority}\n"
    );
    fs::write(&file, properties).unwrap();
    let ended = publish(&url, &[], &[("KAFKA_CONFIG", file.to_str().unwrap())]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let wrong = [ADA[0], ("KAFKA_PASSWORD", "s3cret-wrong")];
    let ended = publish(&url, &ca, &wrong);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let reason = format!("error: cannot open {url}: the brokers refuse the credentials");
    assert!(ended.stderr.starts_with(&reason), "{}", ended.stderr);
}

#[test]
fn a_client_shows_its_certificate() {
    let (url, _) = topic_at(KafkaListener::MutualTls, "User:*", &[KafkaOperation::Write]);
    let own = certificates();
    let files = [own.authority(), own.client(), own.client_key()];
    let [ca, certificate, key] = files.each_ref().map(|path| path.to_str().unwrap());
    let all = ["--kafka-ca", ca, "--kafka-cert", certificate, "--kafka-key", key];
    let ended = publish(&url, &all, &[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn what_a_user_may_not_do_is_told() {
    let authority = certificates().authority();
    let ca = ["--kafka-ca", authority.to_str().unwrap()];
    let (url, topic) = topic_at(KafkaListener::Sasl, "User:ada", &[KafkaOperation::Read]);
    let ended = publish(&url, &ca, &ADA);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let reason = "the permission to write is missing: allow the principal WRITE on the topic";
    assert!(ended.stderr.contains(reason), "{}", ended.stderr);
    assert!(ended.stderr.contains(&topic), "{}", ended.stderr);
    let tail = ["tail", "--from", &url, "--group", "forbidden", "--count", "1"];
    let Output { status, stderr, .. } = command(tail.iter().chain(&ca)).envs(ADA).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("a permission is missing"), "{stderr}");
}

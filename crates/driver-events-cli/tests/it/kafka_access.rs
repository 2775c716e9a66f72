//! Kafka credentials, certificates and permissions.

use std::fs;

use driver_events_harness::{KafkaListener, KafkaOperation, KafkaResource};
use tempfile::tempdir;

use crate::kafka_broker::{address, broker, certificates, fresh};
use crate::support::{Ended, command, escalate, finish, run_with};

/// Creates a topic on which `principal` has these permissions. Returns its URL for the listener, and its name.
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

/// Publishes one event.
fn publish(url: &str, options: &[&str], environment: &[(&str, &str)]) -> Ended {
    let folder = tempdir().unwrap();
    let path = folder.path().join("one.ndjson");
    fs::write(&path, escalate("one")).unwrap();
    let arguments = ["publish", path.to_str().unwrap(), "--to", url];
    let mut command = command(arguments.iter().chain(options));
    let ended = finish(command.envs(environment.iter().copied()));
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    ended
}

const ADA: [(&str, &str); 2] = [("KAFKA_USER", "ada"), ("KAFKA_PASSWORD", "s3cret:@/=")];

#[test]
fn credentials_come_from_environment_or_file() {
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
    let reason = format!("error: cannot open `{url}`: the brokers refuse the credentials");
    assert!(ended.stderr.starts_with(&reason), "{}", ended.stderr);
}

#[test]
fn client_certificate_is_presented() {
    let (url, _) = topic_at(KafkaListener::MutualTls, "User:*", &[KafkaOperation::Write]);
    let own = certificates();
    let files = [own.authority(), own.client(), own.client_key()];
    let [ca, certificate, key] = files.each_ref().map(|path| path.to_str().unwrap());
    let all = ["--kafka-ca", ca, "--kafka-cert", certificate, "--kafka-key", key];
    let ended = publish(&url, &all, &[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let ended = publish(&url, &all[..2], &[]);
    assert_eq!(ended.code, 1, "without a client certificate: {}", ended.stderr);
    let ended = publish(&url, &all[2..], &[]);
    assert_eq!(ended.code, 1, "without the authority: {}", ended.stderr);
}

#[test]
fn missing_permission_is_reported() {
    let authority = certificates().authority();
    let ca = ["--kafka-ca", authority.to_str().unwrap()];
    let (url, topic) = topic_at(KafkaListener::Sasl, "User:ada", &[KafkaOperation::Read]);
    let ended = publish(&url, &ca, &ADA);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let reason = format!("--operation Write --topic '{topic}'");
    assert!(ended.stderr.contains(&reason), "{}", ended.stderr);
    let tail = ["tail", "--from", &url, "--group", "forbidden", "--count", "1"];
    let ended = finish(command(tail.iter().chain(&ca)).envs(ADA));
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let reason = "--operation Read --group 'forbidden'";
    assert!(ended.stderr.contains(reason), "{}", ended.stderr);
}

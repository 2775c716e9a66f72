//! A process that exits while its clients are in a TLS handshake.

use std::env;
use std::process::Command;

use driver_events_core::DriverEventSink;
use driver_events_harness::KafkaListener;
use driver_events_kafka::KafkaEventSink;
use driver_events_types::GoalId;
use rdkafka::ClientConfig;
use tokio::task::JoinSet;

use super::secured;
use crate::support::{events, in_time};

const SERVERS: &str = "HANDSHAKE_SERVERS";

/// Enough that some are in a handshake when the first is refused.
const SINKS: usize = 25;

/// The child process of the test below: sinks that do not trust the broker's certificate connect at the same time. Exits
/// once the first has failed.
#[tokio::test]
#[ignore = "child process of another test"]
async fn process_with_handshakes() {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", env::var(SERVERS).unwrap())
        .set("security.protocol", "SSL");
    let mut sends = JoinSet::new();
    for _ in 0..SINKS {
        let sink = KafkaEventSink::new(config.clone()).unwrap();
        sends.spawn(async move { sink.send_batch(events(GoalId::new(), 1)).await });
    }
    let results = in_time(sends.join_next()).await.unwrap().unwrap();
    results[0].as_ref().unwrap_err();
    std::process::exit(0);
}

/// By default OpenSSL frees its state at exit, while the threads of librdkafka use it.
#[tokio::test(flavor = "multi_thread")]
async fn process_exits_cleanly_during_handshakes() {
    let servers = secured().broker.bootstrap_servers(KafkaListener::MutualTls).unwrap();
    let arguments = [
        "security::process_exit::process_with_handshakes",
        "--exact",
        "--ignored",
    ];
    for _ in 0..10 {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(arguments).env(SERVERS, &servers);
        let ended = tokio::task::spawn_blocking(move || child.output().unwrap())
            .await
            .unwrap();
        assert!(
            ended.status.success(),
            "{}: {}",
            ended.status,
            String::from_utf8_lossy(&ended.stdout)
        );
    }
}

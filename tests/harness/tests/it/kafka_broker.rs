use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use driver_events_harness::{KafkaBroker, KafkaConfig, KafkaListener};

use crate::kafka_client::{connect, has_address, metadata};

/// Returns whether the process runs. A zombie has an empty command line.
fn is_running(process: u32) -> bool {
    fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| !line.is_empty())
}

#[test]
fn ports_and_stored_records_survive_a_kill() {
    let mut broker = KafkaBroker::start(KafkaConfig::new()).unwrap();
    let (servers, process) = (
        broker.bootstrap_servers(KafkaListener::Plain).unwrap(),
        broker.process_id().unwrap(),
    );
    assert_eq!(servers, broker.client_address().to_string());
    broker
        .admin()
        .create_topic("t", 1, 1, &[("retention.ms", "-1")])
        .unwrap();
    broker
        .write_with_console("t", &[("one", "{\"a\":1}"), ("two", "ü")])
        .unwrap();

    broker.kill().unwrap();
    assert!(!is_running(process));
    assert_eq!(broker.process_id(), None);
    assert!(TcpStream::connect(broker.client_address()).is_err());
    assert!(
        broker
            .freeze()
            .unwrap_err()
            .to_string()
            .contains("kafka is not running")
    );
    // Both do nothing if the broker does not run.
    broker.kill().unwrap();
    broker.stop().unwrap();

    // A port in use is reported.
    let listener = TcpListener::bind(broker.client_address()).unwrap();
    let error = broker.restart().unwrap_err();
    assert!(error.to_string().contains("Address already in use"), "{error}");
    drop(listener);

    broker.restart().unwrap();
    assert_eq!(broker.bootstrap_servers(KafkaListener::Plain).unwrap(), servers);
    assert_ne!(broker.process_id(), Some(process));
    assert_eq!(broker.admin().leader("t", 0).unwrap(), broker.id());
    let records = broker.read_with_console("t", 2).unwrap();
    let read: Vec<_> = records
        .iter()
        .map(|record| {
            (
                record.offset,
                record.key.as_deref().unwrap(),
                record.value.as_deref().unwrap(),
            )
        })
        .collect();
    assert_eq!(read, [(0, "one", "{\"a\":1}"), (1, "two", "ü")]);
    assert!(
        records
            .iter()
            .all(|record| record.timestamp.is_some() && record.headers.is_empty())
    );

    // A frozen broker accepts connections, and responds when it is thawed.
    broker.freeze().unwrap();
    let (mut connection, mut byte) = (TcpStream::connect(broker.client_address()).unwrap(), [0]);
    connection.write_all(&[0, 0, 0, 0]).unwrap();
    connection.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let error = connection.read(&mut byte).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{error}"
    );
    broker.thaw().unwrap();
    connection.set_read_timeout(None).unwrap();
    // A request of size zero is invalid: the broker closes the connection.
    assert!(matches!(connection.read(&mut byte), Ok(0) | Err(_)));

    broker.admin().delete_topic("t").unwrap();
    assert!(broker.admin().delete_topic("t").is_err());
    assert!(
        broker
            .admin()
            .leader("u", 0)
            .unwrap_err()
            .to_string()
            .contains("partition 0 of topic `u` does not exist")
    );
    broker.stop().unwrap();
    assert!(broker.log().contains("shut down completed"), "{}", broker.log());
}

#[test]
fn failed_start_reports_the_errors_in_the_log() {
    let error = KafkaBroker::start(KafkaConfig::new().property("num.io.threads", "many")).unwrap_err();
    assert!(error.to_string().contains("Invalid value many"), "{error}");
}

#[test]
fn proxied_listener_advertises_only_the_proxy() {
    let mut broker = KafkaBroker::start(KafkaConfig::new().proxied()).unwrap();
    let address = broker.proxy().unwrap().address();
    assert_eq!(
        broker.bootstrap_servers(KafkaListener::Proxied).unwrap(),
        address.to_string()
    );
    assert!(broker.bootstrap_servers(KafkaListener::Sasl).is_err());

    let mut client = connect(address);
    let response = metadata(&mut client, "t").unwrap();
    assert!(has_address(&response, address) && !has_address(&response, broker.client_address()));
    let response = metadata(&mut connect(broker.client_address()), "t").unwrap();
    assert!(!has_address(&response, address) && has_address(&response, broker.client_address()));

    assert_eq!(broker.proxy().unwrap().cut(), 1);
    assert!(metadata(&mut client, "t").is_err());
    broker.kill().unwrap();
    broker.restart().unwrap();
    assert_eq!(broker.proxy().unwrap().address(), address);
    assert!(metadata(&mut connect(address), "t").is_ok());
}

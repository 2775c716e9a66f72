use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::process::Command;
use std::thread;
use std::time::Duration;

use driver_events_harness::{NatsConfig, NatsServer, Proxy, brokers, wait_until};
use serde_json::json;

use crate::nats_client::NatsClient;

/// A process that was killed and not waited for has files there still, and no command line.
fn runs(process: u32) -> bool {
    std::fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| !line.is_empty())
}

fn create_stream(client: &mut NatsClient) {
    let stream = json!({ "name": "S", "subjects": ["s"], "storage": "file" });
    let answer = client.request("$JS.API.STREAM.CREATE.S", &stream);
    assert!(answer.get("error").is_none(), "{answer}");
}

fn stored(server: &NatsServer) -> u64 {
    let jetstream = server.monitoring("/jsz").unwrap();
    jetstream.get("messages").unwrap().as_u64().unwrap()
}

#[test]
fn a_server_that_was_started_takes_connections() {
    let server = NatsServer::start(NatsConfig::new()).unwrap();
    let mut client = NatsClient::anybody(server.client_address());
    client.publish("any", "thing").unwrap();
    assert_eq!(client.info["server_name"], "nats");
    assert_eq!(client.info.get("jetstream"), None);
    assert_eq!(server.client_url(), format!("nats://{}", server.client_address()));
    assert!(server.client_address().ip().is_loopback());
    let seen = server.monitoring("/varz").unwrap();
    assert_eq!(seen["in_msgs"], 1);
    assert!(server.monitoring("/nonsense").unwrap_err().to_string().contains("404"));
}

#[test]
fn what_was_stored_survives_a_kill_and_the_ports_stay() {
    let mut server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let (url, process) = (server.client_url(), server.process_id().unwrap());
    let mut client = NatsClient::anybody(server.client_address());
    create_stream(&mut client);
    let answer = client.request("s", &json!("kept"));
    assert_eq!(answer["seq"], 1);

    server.kill().unwrap();
    assert!(!runs(process));
    assert_eq!(server.process_id(), None);
    assert!(client.is_closed());
    assert!(TcpStream::connect(server.client_address()).is_err());
    // A second time it is nothing.
    server.kill().unwrap();
    server.stop().unwrap();

    server.restart().unwrap();
    assert_eq!(server.client_url(), url);
    assert_ne!(server.process_id(), Some(process));
    assert_eq!(stored(&server), 1);
}

#[test]
fn a_server_that_runs_is_stopped_before_it_is_started_again() {
    let mut server = NatsServer::start(NatsConfig::new()).unwrap();
    let process = server.process_id().unwrap();
    server.restart().unwrap();
    assert!(!runs(process));
    assert!(server.log().contains("Server Exiting"), "{}", server.log());
    server.stop().unwrap();
    assert_eq!(server.process_id(), None);
}

#[test]
fn fifty_kills_in_a_row() {
    let mut server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let address = server.client_address();
    thread::scope(|scope| {
        let restarts = scope.spawn(|| {
            for _ in 0..50 {
                server.kill().unwrap();
                server.restart().unwrap();
            }
        });
        // A client that tries to reach the server all the time must not keep it from its port.
        while !restarts.is_finished() {
            if let Ok(mut stream) = TcpStream::connect(address) {
                let _ = stream.read(&mut [0]);
            }
        }
        restarts.join().unwrap();
    });
}

#[test]
fn a_dropped_server_is_gone_with_its_folder() {
    let server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let (process, folder) = (server.process_id().unwrap(), server.folder().to_owned());
    assert!(runs(process) && folder.join("log").exists());
    drop(server);
    assert!(!runs(process));
    assert!(!folder.exists());
}

#[test]
fn a_test_that_panics_takes_its_server_with_it() {
    let mut left = None;
    let panic = panic::catch_unwind(AssertUnwindSafe(|| {
        let server = NatsServer::start(NatsConfig::new()).unwrap();
        left = server.process_id();
        panic!("on purpose");
    }));
    assert!(panic.is_err());
    assert!(!runs(left.unwrap()));
}

/// Not run by itself: ends as a process does whose server stands in a `static`.
#[test]
#[ignore = "the next test runs it, as a process of its own"]
fn a_process_that_forgets_its_server() {
    let server = NatsServer::start(NatsConfig::new()).unwrap();
    println!("server={}=", server.process_id().unwrap());
    std::mem::forget(server);
}

#[tokio::test]
async fn a_server_ends_with_its_process() {
    let mut process = Command::new(std::env::current_exe().unwrap());
    let name = "nats_server::a_process_that_forgets_its_server";
    let output = process
        .args([name, "--exact", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let server = said.split("server=").nth(1).and_then(|rest| rest.split('=').next());
    let server: u32 = server.expect(&said).parse().unwrap();
    wait_until("the server has ended", Duration::from_secs(10), async || !runs(server)).await;
}

#[test]
fn many_servers_at_once_do_not_meet() {
    let addresses: Vec<_> = thread::scope(|scope| {
        let start = || NatsServer::start(NatsConfig::new()).unwrap();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut ports: Vec<_> = addresses.iter().map(|server| server.client_address().port()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 8);
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let error = NatsServer::start(NatsConfig::new().setting("max_payload", "a lot")).unwrap_err();
    assert!(error.to_string().starts_with("nats did not start: "), "{error}");
    assert!(error.to_string().contains("nats.conf:4:4: "), "{error}");
}

#[test]
fn a_port_that_somebody_took_is_told() {
    let mut server = NatsServer::start(NatsConfig::new()).unwrap();
    server.kill().unwrap();
    let intruder = TcpListener::bind(server.client_address()).unwrap();
    let error = server.restart().unwrap_err();
    assert!(error.to_string().contains("address already in use"), "{error}");
    assert_eq!(server.process_id(), None);
    drop(intruder);
    server.restart().unwrap();
}

#[test]
fn a_server_behind_a_proxy() {
    let mut server = NatsServer::start(NatsConfig::new()).unwrap();
    let proxy = Proxy::start(server.client_address()).unwrap();
    let mut client = NatsClient::anybody(proxy.address());
    client.publish("any", "thing").unwrap();
    assert_eq!(proxy.cut(), 1);
    assert!(client.is_closed());
    server.kill().unwrap();
    server.restart().unwrap();
    NatsClient::anybody(proxy.address()).publish("any", "thing").unwrap();
    assert_eq!(proxy.counts().connections, 2);
}

#[test]
fn a_server_of_a_test_is_listed_as_such() {
    let server = NatsServer::start(NatsConfig::new()).unwrap();
    let listed = brokers::status().unwrap();
    let broker = listed.iter().find(|broker| broker.folder == server.folder()).unwrap();
    assert_eq!(broker.process_id, server.process_id());
    assert_eq!(broker.ownership, brokers::Ownership::Owned);
}

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::process::Command;
use std::thread;
use std::time::Duration;

use driver_events_harness::{NatsConfig, NatsServer, Proxy, brokers, wait_until};
use serde_json::json;

use crate::nats_client::NatsClient;

/// Returns whether the process runs. A zombie has an empty command line.
fn is_running(process: u32) -> bool {
    std::fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| !line.is_empty())
}

fn create_stream(client: &mut NatsClient) {
    let stream = json!({ "name": "S", "subjects": ["s"], "storage": "file" });
    let reply = client.request("$JS.API.STREAM.CREATE.S", &stream);
    assert!(reply.get("error").is_none(), "{reply}");
}

fn stored(server: &NatsServer) -> u64 {
    let jetstream = server.monitoring("/jsz").unwrap();
    jetstream.get("messages").unwrap().as_u64().unwrap()
}

#[test]
fn started_server_accepts_connections() {
    let server = NatsServer::start(NatsConfig::new()).unwrap();
    let mut client = NatsClient::anonymous(server.client_address());
    client.publish("any", "thing").unwrap();
    assert_eq!(client.info["server_name"], "nats");
    assert_eq!(client.info.get("jetstream"), None);
    assert_eq!(server.client_url(), format!("nats://{}", server.client_address()));
    assert!(server.client_address().ip().is_loopback());
    let page = server.monitoring("/varz").unwrap();
    assert_eq!(page["in_msgs"], 1);
    assert!(server.monitoring("/nonsense").unwrap_err().to_string().contains("404"));
}

#[test]
fn ports_and_stored_messages_survive_a_kill() {
    let mut server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let (url, process) = (server.client_url(), server.process_id().unwrap());
    let mut client = NatsClient::anonymous(server.client_address());
    create_stream(&mut client);
    let reply = client.request("s", &json!("kept"));
    assert_eq!(reply["seq"], 1);

    server.kill().unwrap();
    assert!(!is_running(process));
    assert_eq!(server.process_id(), None);
    assert!(client.is_closed());
    assert!(TcpStream::connect(server.client_address()).is_err());
    // Both do nothing if the server does not run.
    server.kill().unwrap();
    server.stop().unwrap();

    server.restart().unwrap();
    assert_eq!(server.client_url(), url);
    assert_ne!(server.process_id(), Some(process));
    assert_eq!(stored(&server), 1);
}

#[test]
fn restart_stops_a_running_server() {
    let mut server = NatsServer::start(NatsConfig::new()).unwrap();
    let process = server.process_id().unwrap();
    server.restart().unwrap();
    assert!(!is_running(process));
    assert!(server.log().contains("Server Exiting"), "{}", server.log());
    server.stop().unwrap();
    assert_eq!(server.process_id(), None);
}

#[test]
fn server_restarts_after_fifty_kills() {
    let mut server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let address = server.client_address();
    thread::scope(|scope| {
        let restarts = scope.spawn(|| {
            for _ in 0..50 {
                server.kill().unwrap();
                server.restart().unwrap();
            }
        });
        // A client that reconnects all the time must not be assigned the port of the server.
        while !restarts.is_finished() {
            if let Ok(mut stream) = TcpStream::connect(address) {
                let _ = stream.read(&mut [0]);
            }
        }
        restarts.join().unwrap();
    });
}

#[test]
fn drop_kills_the_server_and_removes_its_folder() {
    let server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let (process, folder) = (server.process_id().unwrap(), server.folder().to_owned());
    assert!(is_running(process) && folder.join("log").exists());
    drop(server);
    assert!(!is_running(process));
    assert!(!folder.exists());
}

#[test]
fn panic_kills_the_server_and_removes_its_folder() {
    let mut killed = None;
    let panic = panic::catch_unwind(AssertUnwindSafe(|| {
        let server = NatsServer::start(NatsConfig::new()).unwrap();
        killed = Some((server.process_id().unwrap(), server.folder().to_owned()));
        panic!("on purpose");
    }));
    assert!(panic.is_err());
    let (process, folder) = killed.unwrap();
    assert!(!is_running(process));
    assert!(!folder.exists());
}

/// Exits without dropping the server, as if it was in a `static`.
#[test]
#[ignore = "the next test runs it as a child process"]
fn child_process_that_leaks_its_server() {
    let server = NatsServer::start(NatsConfig::new()).unwrap();
    println!("server={}=", server.process_id().unwrap());
    std::mem::forget(server);
}

#[tokio::test]
async fn server_is_killed_when_its_process_exits() {
    let mut process = Command::new(std::env::current_exe().unwrap());
    let name = "nats_server::child_process_that_leaks_its_server";
    let output = process
        .args([name, "--exact", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let server = stdout.split("server=").nth(1).and_then(|rest| rest.split('=').next());
    let server: u32 = server.expect(&stdout).parse().unwrap();
    wait_until("the server is killed", Duration::from_secs(10), async || {
        !is_running(server)
    })
    .await;
}

#[test]
fn concurrent_servers_have_different_ports() {
    let servers: Vec<_> = thread::scope(|scope| {
        let start = || NatsServer::start(NatsConfig::new()).unwrap();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut ports: Vec<_> = servers.iter().map(|server| server.client_address().port()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 8);
}

#[test]
fn failed_start_reports_the_log() {
    let error = NatsServer::start(NatsConfig::new().setting("max_payload", "a lot")).unwrap_err();
    assert!(error.to_string().starts_with("nats did not start: "), "{error}");
    assert!(error.to_string().contains("nats.conf:4:4: "), "{error}");
}

#[test]
fn restart_reports_a_port_in_use() {
    let mut server = NatsServer::start(NatsConfig::new()).unwrap();
    server.kill().unwrap();
    let listener = TcpListener::bind(server.client_address()).unwrap();
    let error = server.restart().unwrap_err();
    assert!(error.to_string().contains("address already in use"), "{error}");
    assert_eq!(server.process_id(), None);
    drop(listener);
    server.restart().unwrap();
}

#[test]
fn proxied_client_reconnects_after_restart() {
    let mut server = NatsServer::start(NatsConfig::new()).unwrap();
    let proxy = Proxy::start(server.client_address()).unwrap();
    let mut client = NatsClient::anonymous(proxy.address());
    client.publish("any", "thing").unwrap();
    assert_eq!(proxy.cut(), 1);
    assert!(client.is_closed());
    server.kill().unwrap();
    server.restart().unwrap();
    NatsClient::anonymous(proxy.address()).publish("any", "thing").unwrap();
    assert_eq!(proxy.counts().connections, 2);
}

#[test]
fn status_lists_a_test_server_as_owned() {
    let server = NatsServer::start(NatsConfig::new()).unwrap();
    let listed = brokers::status().unwrap();
    let broker = listed.iter().find(|broker| broker.folder == server.folder()).unwrap();
    assert_eq!(broker.process_id, server.process_id());
    assert_eq!(broker.ownership, brokers::Ownership::Owned);
}

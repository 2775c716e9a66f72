use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use driver_events_harness::brokers::{self, Broker, DetachedNats, Ownership};
use driver_events_harness::{NatsConfig, NatsServer};

use crate::nats_client::NatsClient;

/// Detached servers of one test, stopped on drop. Other detached servers of this checkout keep running.
struct StopOnDrop(Vec<String>);

impl StopOnDrop {
    fn new(urls: &str) -> Self {
        Self(urls.split(',').map(str::to_owned).collect())
    }

    fn servers(&self) -> Vec<Broker> {
        let is_own =
            |broker: &Broker| matches!(&broker.ownership, Ownership::Detached { url, .. } if self.0.contains(url));
        brokers::status().unwrap().into_iter().filter(is_own).collect()
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        let address = |url: &String| url.trim_start_matches("nats://").parse().unwrap();
        self.0.iter().map(address).collect()
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        for server in self.servers() {
            let _ = server.stop();
        }
    }
}

fn hold_port() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Starts servers on a port that was free before. Retries, since another process may take the port.
fn start_on_free_port(size: usize) -> (StopOnDrop, DetachedNats) {
    for _ in 0..5 {
        let (listener, port) = hold_port();
        drop(listener);
        let (servers, nats) = start_nats(size, port);
        if nats.port_conflict.is_none() {
            assert_eq!(servers.addresses()[0].port(), port);
            return (servers, nats);
        }
    }
    panic!("no server was started on a free port");
}

fn start_nats(size: usize, port: u16) -> (StopOnDrop, DetachedNats) {
    let nats = brokers::up_nats(size, port).unwrap();
    (StopOnDrop::new(&nats.url), nats)
}

#[test]
fn standard_ports_are_those_of_the_documents() {
    assert_eq!((brokers::NATS_PORT, brokers::KAFKA_PORT), (4222, 9092));
}

#[test]
fn nats_listens_on_the_preferred_port_if_free() {
    let (servers, nats) = start_on_free_port(1);
    assert_eq!(nats.to_string(), format!("export NATS_URL={}", nats.url));
    let address = servers.addresses()[0];
    NatsClient::anonymous(address);
    let [server] = &servers.servers()[..] else {
        panic!("one server is listed")
    };
    assert!(server.process_id.is_some());
    // Fails if the process does not exit. Its port is free then, and may be another test's at once.
    server.stop().unwrap();
    assert!(!server.folder.exists());
    assert!(servers.servers().is_empty());
}

#[test]
fn nats_reports_a_preferred_port_in_use() {
    let (_listener, held) = hold_port();
    // The port of a killed test server stays reserved for its restart.
    let mut killed = NatsServer::start(NatsConfig::new()).unwrap();
    killed.kill().unwrap();
    for port in [held, killed.client_address().port()] {
        let (servers, nats) = start_nats(1, port);
        let address = servers.addresses()[0];
        assert_ne!(address.port(), port);
        let conflict = nats.port_conflict.unwrap();
        assert_eq!((conflict.preferred_port, conflict.address), (port, address));
        let lines = format!(
            "# port {port} is in use: nats-server listens on {address} instead\nexport NATS_URL=nats://{address}"
        );
        assert_eq!(nats.to_string(), lines);
        NatsClient::anonymous(address);
    }
    killed.restart().unwrap();
}

#[test]
fn first_nats_server_of_a_cluster_has_the_preferred_port() {
    let (servers, _) = start_on_free_port(3);
    assert_eq!(servers.servers().len(), 3);
    for address in servers.addresses() {
        NatsClient::anonymous(address);
    }
}

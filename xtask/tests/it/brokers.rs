use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use driver_events_harness::provision;
use tempfile::TempDir;
use xtask::command;

/// A build folder of its own, so that servers that stay for somebody else are left alone. Those in it end with it.
struct Target(TempDir);

impl Target {
    /// What `cargo xtask brokers` prints.
    fn brokers(&self, arguments: &[&str]) -> String {
        command::output(self.xtask().args(arguments)).unwrap()
    }

    fn xtask(&self) -> Command {
        let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
        xtask.arg("brokers").env("CARGO_TARGET_DIR", self.0.path());
        xtask.env("NATS_SERVER", provision::nats_server().unwrap());
        xtask.env("KAFKA_HOME", provision::kafka().unwrap());
        xtask
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // A failure has been told already when there is something left to end.
        let _ = self.xtask().arg("down").output();
    }
}

#[test]
fn servers_stay_until_they_are_ended() {
    let target = Target(tempfile::tempdir().unwrap());
    let lonely = target.brokers(&["up", "nats"]);
    let cluster = target.brokers(&["up", "nats", "--cluster", "3"]);
    let mut addresses = Vec::new();
    for said in [&lonely, &cluster] {
        let urls = said.trim_end().strip_prefix("export NATS_URL=").unwrap().split(',');
        addresses.extend(urls.map(|url| url.strip_prefix("nats://").unwrap()));
    }
    assert_eq!(addresses.len(), 4);

    let status = target.brokers(&["status"]);
    for address in &addresses {
        assert!(
            status.contains(&format!("nats://{address}, http://127.0.0.1:")),
            "{status}"
        );
        TcpStream::connect(address).unwrap();
    }
    let down = target.brokers(&["down"]);
    for address in &addresses {
        assert!(down.contains(&format!("nats://{address}, ")), "{down}");
        assert!(TcpStream::connect(address).is_err());
    }
    assert_eq!(target.brokers(&["down"]), "");
    let status = target.brokers(&["status"]);
    assert!(status.starts_with("nats-server v"), "{status}");
}

#[test]
fn kafka_stays_with_a_listener_for_everybody_for_users_and_for_certificates() {
    let target = Target(tempfile::tempdir().unwrap());
    let said = target.brokers(&["up", "kafka"]);
    let exported = |name: &str| {
        let mut lines = said.lines();
        lines
            .find_map(|line| line.strip_prefix(&format!("export {name}=")))
            .unwrap()
    };
    for name in ["KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SASL_SERVERS", "KAFKA_TLS_SERVERS"] {
        TcpStream::connect(exported(name)).unwrap();
    }
    // Every file that a client needs is there, and stays.
    let properties: Vec<_> = said.split('\'').filter(|part| part.ends_with(".properties")).collect();
    assert_eq!(properties.len(), 3, "{said}");
    for path in properties {
        let text = fs::read_to_string(path).unwrap();
        let mut files = text.lines().filter_map(|line| line.split_once(".location="));
        assert!(files.all(|(_, path)| Path::new(path).is_file()), "{text}");
    }
    assert!(target.brokers(&["down"]).contains(exported("KAFKA_BOOTSTRAP_SERVERS")));
    assert!(TcpStream::connect(exported("KAFKA_SASL_SERVERS")).is_err());
}

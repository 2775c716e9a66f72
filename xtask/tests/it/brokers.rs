//! `cargo xtask brokers`. The names of tests that need a server contain `nats_` or `kafka_`: `--without` skips them.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use driver_events_harness::provision;
use tempfile::TempDir;
use xtask::command;

/// Protocols of the users `driver` and `reader`, and of the client with a certificate.
const PROTOCOLS: [&str; 3] = ["SASL_SSL", "SASL_SSL", "SSL"];

/// A target folder of its own, so that a developer's running servers are not stopped. Its servers are stopped on drop.
struct Target {
    folder: TempDir,
    /// The variable that names the installed server.
    server: (&'static str, PathBuf),
}

impl Target {
    fn nats() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            server: ("NATS_SERVER", provision::nats_server().unwrap()),
        }
    }

    fn kafka() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            server: ("KAFKA_HOME", provision::kafka().unwrap()),
        }
    }

    /// Returns the stdout of `cargo xtask brokers`.
    fn brokers(&self, arguments: &[&str]) -> String {
        command::output(self.xtask().args(arguments)).unwrap()
    }

    fn xtask(&self) -> Command {
        let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
        xtask.arg("brokers").env("CARGO_TARGET_DIR", self.folder.path());
        xtask.env(self.server.0, &self.server.1);
        xtask
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // A test that left a server running has already failed.
        let _ = self.xtask().arg("down").output();
    }
}

#[test]
fn nats_servers_run_until_down() {
    let target = Target::nats();
    let single = target.brokers(&["up", "nats"]);
    let cluster = target.brokers(&["up", "nats", "--cluster", "3"]);
    let mut addresses = Vec::new();
    for printed in [&single, &cluster] {
        let url = printed.lines().find_map(|line| line.strip_prefix("export NATS_URL="));
        let urls = url.unwrap().split(',');
        addresses.extend(urls.map(|url| url.strip_prefix("nats://").unwrap()));
    }
    assert_eq!(addresses.len(), 4);
    // Another process may listen on port 4222 at first, and stop.
    let conflict = |address| format!("# port 4222 is in use: nats-server listens on {address} instead\n");
    if addresses[0] == "127.0.0.1:4222" {
        assert!(cluster.starts_with(&conflict(addresses[1])), "{cluster}");
    } else {
        assert!(single.starts_with(&conflict(addresses[0])), "{single}");
    }

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
fn kafka_has_plain_sasl_and_mutual_tls_listeners() {
    let target = Target::kafka();
    let printed = target.brokers(&["up", "kafka"]);
    let exported = |name: &str| {
        let mut lines = printed.lines();
        lines
            .find_map(|line| line.strip_prefix(&format!("export {name}=")))
            .unwrap()
    };
    for name in ["KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SASL_SERVERS", "KAFKA_TLS_SERVERS"] {
        TcpStream::connect(exported(name)).unwrap();
    }
    // Another process may listen on port 9092.
    let plain = exported("KAFKA_BOOTSTRAP_SERVERS");
    let conflict = format!("# port 9092 is in use: Kafka listens on {plain} instead\n");
    assert_eq!(plain != "127.0.0.1:9092", printed.starts_with(&conflict), "{printed}");
    // Every file that a client needs exists while the broker runs.
    let properties: Vec<_> = printed
        .split('\'')
        .filter(|part| part.ends_with(".properties"))
        .collect();
    assert_eq!(properties.len(), 3, "{printed}");
    for (path, protocol) in properties.into_iter().zip(PROTOCOLS) {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains(&format!("security.protocol={protocol}\n")), "{text}");
        let mut files = text.lines().filter_map(|line| line.split_once(".location="));
        assert!(files.all(|(_, path)| Path::new(path).is_file()), "{text}");
    }
    assert!(target.brokers(&["down"]).contains(plain));
    assert!(TcpStream::connect(exported("KAFKA_SASL_SERVERS")).is_err());
}

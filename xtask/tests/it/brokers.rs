use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use driver_events_harness::provision;
use xtask::command;

/// Runs `xtask brokers` beside a build folder of its own, so that servers that stay for somebody else are left alone.
fn brokers(target: &Path, arguments: &[&str]) -> String {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.arg("brokers").args(arguments).env("CARGO_TARGET_DIR", target);
    xtask.env("NATS_SERVER", provision::nats_server().unwrap());
    command::output(&mut xtask).unwrap()
}

#[test]
fn servers_stay_until_they_are_ended() {
    let target = tempfile::tempdir().unwrap();
    let brokers = |arguments: &[&str]| brokers(target.path(), arguments);
    let lonely = brokers(&["up", "nats"]);
    let cluster = brokers(&["up", "nats", "--cluster", "3"]);
    let mut addresses = Vec::new();
    for said in [&lonely, &cluster] {
        let urls = said.trim_end().strip_prefix("export NATS_URL=").unwrap().split(',');
        addresses.extend(urls.map(|url| url.strip_prefix("nats://").unwrap()));
    }
    assert_eq!(addresses.len(), 4);

    let status = brokers(&["status"]);
    let down = brokers(&["down"]);
    for address in &addresses {
        assert!(
            status.contains(&format!("nats://{address}, http://127.0.0.1:")),
            "{status}"
        );
        assert!(down.contains(&format!("nats://{address}, http://127.0.0.1:")), "{down}");
        assert!(TcpStream::connect(address).is_err());
    }
    assert_eq!(brokers(&["down"]), "");
    let status = brokers(&["status"]);
    assert!(status.starts_with("nats-server v"), "{status}");
}

//! nats-server as a [`Program`]: its ports, its configuration file, its readiness.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::config::NatsConfig;
use crate::provision;
use crate::servers::ports::Port;
use crate::servers::{Cluster, Program, Server};

/// Time that the server has to send `INFO`. Another program on the port may send nothing.
const INFO_TIMEOUT: Duration = Duration::from_secs(1);

/// A nats-server.
pub type NatsServer = Server<Nats>;

/// A cluster of nats-servers with JetStream, named `node-1`, `node-2` and so on.
///
/// The servers do not advertise each other to clients: a client connects only to the URLs that it was given.
pub type NatsCluster = Cluster<Nats>;

/// The ports of a nats-server, and the settings that decide how clients connect.
#[derive(Debug)]
pub struct Nats {
    client: Port,
    pub(super) monitoring: Port,
    route: Port,
    /// The route addresses of all members. `None` for a single server.
    routes: Option<Vec<SocketAddr>>,
    pub(super) has_tls: bool,
    has_jetstream: bool,
    program: PathBuf,
}

impl Program for Nats {
    type Config = NatsConfig;

    const NAME: &'static str = "nats";
    const MEMBER_PREFIX: &'static str = "node";
    /// Also the limit for a reload. Each takes a tenth of a second.
    const TIMEOUT: Duration = Duration::from_secs(20);
    /// Generous: a cluster elects its leaders within seconds.
    const CLUSTER_TIMEOUT: Duration = Duration::from_secs(60);

    fn new(_folder: &Path, _index: usize, preferred_port: Option<u16>, _config: &NatsConfig) -> Result<Self> {
        Ok(Self {
            program: provision::nats_server()?,
            client: Port::reserve_preferred(preferred_port)?,
            monitoring: Port::reserve()?,
            route: Port::reserve()?,
            routes: None,
            has_tls: false,
            has_jetstream: false,
        })
    }

    fn prepare(server: &mut NatsServer, cluster: Option<&[SocketAddr]>, config: &NatsConfig) -> Result<()> {
        server.program.routes = cluster.map(<[SocketAddr]>::to_vec);
        write_config(server, config)?;
        server.program.configure(config);
        Ok(())
    }

    fn command(server: &NatsServer) -> Command {
        let mut command = Command::new(&server.program.program);
        command.arg("--config").arg(config_file(server));
        command
    }

    fn client_address(&self) -> SocketAddr {
        self.client.address()
    }

    fn peer_address(&self) -> SocketAddr {
        self.route.address()
    }

    /// The server sends `INFO`, and JetStream is healthy. JetStream in a member of a cluster is healthy only when the other
    /// members run, so it is not checked there.
    fn is_ready(server: &NatsServer) -> bool {
        let needs_health = server.program.has_jetstream && server.program.routes.is_none();
        let sends_info = server_name(server.client_address()).is_ok_and(|name| name == server.name());
        sends_info && (!needs_health || server.monitoring("/healthz").is_ok())
    }

    /// The server is healthy, and reports a running leader and all members.
    fn check(server: &NatsServer, members: &[NatsServer]) -> Result<()> {
        let name = server.name();
        server.monitoring("/healthz")?;
        let jetstream = server.monitoring("/jsz")?;
        let field = |pointer| jetstream.pointer(pointer).cloned().unwrap_or_default();
        // For a while after a kill, the other servers report the old leader.
        let leader = field("/meta_cluster/leader");
        let is_leader = |member: &NatsServer| member.process_id().is_some() && leader == member.name();
        ensure!(members.iter().any(is_leader), "{name} reports no running leader");
        let size = field("/meta_cluster/cluster_size");
        ensure!(size == members.len(), "{name} reports a cluster of {size}");
        Ok(())
    }

    fn start_errors(log: &str) -> String {
        log.to_owned()
    }

    fn urls(server: &NatsServer) -> (String, Option<String>) {
        (server.client_url(), Some(server.monitoring_url()))
    }
}

impl Nats {
    /// Remembers how clients connect with this configuration.
    pub(super) fn configure(&mut self, config: &NatsConfig) {
        (self.has_tls, self.has_jetstream) = (config.has_tls(), config.has_jetstream());
    }
}

/// Writes the configuration file, as JSON, which nats-server accepts. A member of a cluster has JetStream.
pub(super) fn write_config(server: &NatsServer, config: &NatsConfig) -> Result<()> {
    let program = &server.program;
    let store = server.folder().join("jetstream");
    let routes = program.routes.as_ref();
    let mut file = match routes {
        Some(_) => config.clone().jetstream().to_json(&store),
        None => config.to_json(&store),
    };
    let own = [
        ("server_name", json!(server.name())),
        ("listen", json!(program.client.address())),
        ("http", json!(program.monitoring.address())),
    ];
    let cluster = routes.map(|routes| ("cluster", cluster_block(program, routes)));
    for (key, value) in own.into_iter().chain(cluster) {
        file.entry(key).or_insert(value);
    }
    fs::write(config_file(server), serde_json::to_vec_pretty(&file)?).context("cannot write the server's configuration")
}

fn cluster_block(program: &Nats, routes: &[SocketAddr]) -> Value {
    let routes = routes.iter().map(|address| format!("nats://{address}"));
    json!({
        "name": "harness",
        "listen": program.route.address(),
        "routes": routes.collect::<Vec<_>>(),
        // Clients would otherwise discover the other servers' addresses, and bypass a proxy.
        "no_advertise": true,
    })
}

fn config_file(server: &NatsServer) -> PathBuf {
    server.folder().join("nats.conf")
}

/// Returns the server name in the first line of the protocol: `INFO {…}`.
fn server_name(server: SocketAddr) -> Result<String> {
    #[derive(Deserialize)]
    struct ServerInfo {
        server_name: String,
    }
    let stream = TcpStream::connect_timeout(&server, INFO_TIMEOUT)?;
    stream.set_read_timeout(Some(INFO_TIMEOUT))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let info = line.strip_prefix("INFO ").context("the first line is not `INFO`")?;
    let info: ServerInfo = serde_json::from_str(info)?;
    Ok(info.server_name)
}

//! Process, ports and generated configuration of a nats-server.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::NatsConfig;
use crate::ports::Port;
use crate::provision;
use crate::server_process::{Lifetime, ServerProcess};

#[derive(Debug)]
pub(super) struct Instance {
    pub(super) process: ServerProcess,
    pub(super) client: Port,
    pub(super) monitoring: Port,
    /// `None` for a single server.
    pub(super) route: Option<ClusterRoute>,
    program: PathBuf,
}

/// The route port of a member of a cluster.
#[derive(Debug)]
pub(super) struct ClusterRoute {
    pub(super) port: Port,
    /// The route addresses of all members.
    pub(super) routes: Vec<SocketAddr>,
}

impl Instance {
    pub(super) fn new(name: &str, route: Option<ClusterRoute>, lifetime: Lifetime) -> Result<Self> {
        Ok(Self {
            program: provision::nats_server()?,
            process: ServerProcess::new(name, lifetime)?,
            client: Port::reserve_preferred(lifetime.preferred_port())?,
            monitoring: Port::reserve()?,
            route,
        })
    }

    pub(super) fn write(&self, config: &NatsConfig) -> Result<()> {
        let text = serde_json::to_vec_pretty(&self.to_json(config))?;
        fs::write(self.config_file(), text).context("cannot write the server's configuration")
    }

    /// Spawns the process, and returns the length of the log before the start.
    pub(super) fn launch(&mut self) -> Result<usize> {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(self.config_file());
        self.process.launch(command)
    }

    fn to_json(&self, config: &NatsConfig) -> Value {
        let mut file = config.to_json(&self.process.folder().join("jetstream"));
        let own = [
            ("server_name", json!(self.process.name())),
            ("listen", json!(self.client.address())),
            ("http", json!(self.monitoring.address())),
        ];
        let cluster = self.route.as_ref().map(|route| ("cluster", route.to_json()));
        for (key, value) in own.into_iter().chain(cluster) {
            file.entry(key).or_insert(value);
        }
        Value::Object(file)
    }

    fn config_file(&self) -> PathBuf {
        self.process.folder().join("nats.conf")
    }
}

impl ClusterRoute {
    fn to_json(&self) -> Value {
        let routes = self.routes.iter().map(|address| format!("nats://{address}"));
        json!({
            "name": "harness",
            "listen": self.port.address(),
            "routes": routes.collect::<Vec<_>>(),
            // Clients would otherwise discover the other servers' addresses, and bypass a proxy.
            "no_advertise": true,
        })
    }
}

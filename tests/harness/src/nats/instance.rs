//! What a server is started with besides its configuration: its process, ports, and its place in a cluster.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::NatsConfig;
use crate::ports::Port;
use crate::provision;
use crate::server_process::ServerProcess;

#[derive(Debug)]
pub(super) struct Instance {
    pub(super) process: ServerProcess,
    pub(super) client: Port,
    pub(super) monitoring: Port,
    pub(super) member: Option<Member>,
    program: PathBuf,
}

/// The place in a cluster.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) port: Port,
    /// Where the cluster's members listen for each other.
    pub(super) routes: Vec<SocketAddr>,
}

impl Instance {
    pub(super) fn new(name: &str, member: Option<Member>, stays: bool) -> Result<Self> {
        Ok(Self {
            program: provision::nats_server()?,
            process: ServerProcess::new(name, stays)?,
            client: Port::reserve()?,
            monitoring: Port::reserve()?,
            member,
        })
    }

    pub(super) fn write(&self, config: &NatsConfig) -> Result<()> {
        let text = serde_json::to_vec_pretty(&self.to_json(config))?;
        fs::write(self.config_file(), text).context("the server's configuration cannot be written")
    }

    /// Starts it, and returns at once, with the length of the log before.
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
        let cluster = self.member.as_ref().map(|member| ("cluster", member.to_json()));
        for (key, value) in own.into_iter().chain(cluster) {
            file.entry(key).or_insert(value);
        }
        Value::Object(file)
    }

    fn config_file(&self) -> PathBuf {
        self.process.folder().join("nats.conf")
    }
}

impl Member {
    fn to_json(&self) -> Value {
        let routes = self.routes.iter().map(|address| format!("nats://{address}"));
        json!({
            "name": "harness",
            "listen": self.port.address(),
            "routes": routes.collect::<Vec<_>>(),
            // A client keeps to the addresses that it was given. It would otherwise learn the servers' own, and go
            // round a proxy.
            "no_advertise": true,
        })
    }
}

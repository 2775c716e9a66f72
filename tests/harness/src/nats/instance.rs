//! What a server is started with besides its configuration: its name, ports, folder, and its place in a cluster.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::NatsConfig;
use crate::ports::Port;
use crate::provision;
use crate::run_folder::{Place, RunFolder};

#[derive(Debug)]
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) client: Port,
    pub(super) monitoring: Port,
    pub(super) member: Option<Member>,
    pub(super) folder: RunFolder,
    /// Outlives this process, and is not reached by the Ctrl-C that ends it.
    pub(super) stays: bool,
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
            folder: Place::of_this_workspace().create(name)?,
            name: name.to_owned(),
            client: Port::reserve()?,
            monitoring: Port::reserve()?,
            member,
            stays,
        })
    }

    pub(super) fn write(&self, config: &NatsConfig) -> Result<()> {
        let text = serde_json::to_vec_pretty(&self.to_json(config))?;
        fs::write(self.config_file(), text).context("the server's configuration cannot be written")
    }

    pub(super) fn launch(&self) -> Result<Child> {
        let log = File::options().create(true).append(true).open(self.log_file())?;
        let mut command = Command::new(&self.program);
        command
            .arg("--config")
            .arg(self.config_file())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if self.stays {
            command.process_group(0);
        }
        command
            .spawn()
            .with_context(|| format!("{} cannot be started", self.program.display()))
    }

    /// What the server has written so far, in all of its lives.
    pub(super) fn log(&self) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    fn to_json(&self, config: &NatsConfig) -> Value {
        let mut file = config.to_json(&self.folder.path().join("jetstream"));
        let own = [
            ("server_name", json!(self.name)),
            ("listen", json!(self.client.address())),
            ("http", json!(self.monitoring.address())),
            ("pid_file", json!(self.folder.pid_file())),
        ];
        let cluster = self.member.as_ref().map(|member| ("cluster", member.to_json()));
        for (key, value) in own.into_iter().chain(cluster) {
            file.entry(key).or_insert(value);
        }
        Value::Object(file)
    }

    fn config_file(&self) -> PathBuf {
        self.folder.path().join("nats.conf")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("nats.log")
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

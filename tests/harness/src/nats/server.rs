use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use serde::Deserialize;
use serde_json::Value;

use super::NatsConfig;
use super::instance::{ClusterRoute, Instance};
use crate::ports::retry_on_port_conflict;
use crate::run_folder::DetachedRecord;
use crate::server_process::Lifetime;
use crate::{http, process, wait};

/// Limit for a start, a stop and a reload, each of which takes a tenth of a second.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Time that the server has to send `INFO`. Another program on the port may send nothing.
const INFO_TIMEOUT: Duration = Duration::from_secs(1);

/// A nats-server with free ports on 127.0.0.1 and its own folder. Its process is killed on drop.
///
/// Calls block their thread for about a tenth of a second. On a current-thread runtime, call them from another thread if
/// tasks must run meanwhile.
#[derive(Debug)]
pub struct NatsServer {
    instance: Instance,
    has_tls: bool,
    has_jetstream: bool,
}

impl NatsServer {
    /// Starts a server, and returns when it accepts connections.
    ///
    /// # Errors
    /// Returns an error if nats-server is not installed and cannot be installed, or, with the server's log, if it does
    /// not start.
    pub fn start(config: NatsConfig) -> Result<Self> {
        retry_on_port_conflict(|| Self::launch(Instance::new("nats", None, Lifetime::Owned)?, &config))
    }

    /// Starts a server that outlives this process. It listens on the preferred port if it is free.
    pub(crate) fn start_detached(config: &NatsConfig, preferred_port: u16) -> Result<Self> {
        let preferred_port = Some(preferred_port);
        let lifetime = Lifetime::Detached { preferred_port };
        retry_on_port_conflict(|| Self::launch(Instance::new("nats", None, lifetime)?, config))
    }

    pub(super) fn start_member(
        name: &str,
        route: ClusterRoute,
        lifetime: Lifetime,
        config: &NatsConfig,
    ) -> Result<Self> {
        Self::launch(Instance::new(name, Some(route), lifetime)?, config)
    }

    /// Returns the client URL, such as `nats://127.0.0.1:12345`, or `tls://…` if TLS is required.
    #[must_use]
    pub fn client_url(&self) -> String {
        let scheme = if self.has_tls { "tls" } else { "nats" };
        format!("{scheme}://{}", self.client_address())
    }

    /// Returns the address of the client port, which is the target of a proxy.
    #[must_use]
    pub fn client_address(&self) -> SocketAddr {
        self.instance.client.address()
    }

    /// Returns the monitoring URL, such as `http://127.0.0.1:12346`.
    #[must_use]
    pub fn monitoring_url(&self) -> String {
        format!("http://{}", self.instance.monitoring.address())
    }

    /// Fetches a monitoring page, such as `/varz`, `/connz?subs=1` or `/jsz?streams=1`.
    ///
    /// # Errors
    /// Returns an error if the server does not respond, or with a status other than 200: `/healthz` does so while the
    /// server is unhealthy.
    pub fn monitoring(&self, path: &str) -> Result<Value> {
        http::get(self.instance.monitoring.address(), path)
    }

    /// Returns the server's name: `nats`, or `node-1` and so on in a cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        self.instance.process.name()
    }

    /// Returns the folder with the configuration, the log and JetStream's store.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.instance.process.folder()
    }

    /// Returns the server's log since its first start.
    #[must_use]
    pub fn log(&self) -> String {
        self.instance.process.log()
    }

    /// Returns the process id, or `None` after [`kill`](Self::kill) and [`stop`](Self::stop).
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.instance.process.id()
    }

    /// Kills the server with SIGKILL. Does nothing if it does not run.
    ///
    /// # Errors
    /// Returns an error if the operating system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.instance.process.kill()
    }

    /// Sends SIGTERM, and waits for the exit. Does nothing if the server does not run.
    ///
    /// # Errors
    /// Returns an error if the server does not exit in time. It is then killed.
    pub fn stop(&mut self) -> Result<()> {
        self.instance.process.stop(TIMEOUT)
    }

    /// Restarts the server with the same ports and data, and returns when it accepts connections. Stops it first if it
    /// runs.
    ///
    /// A member of a cluster may accept connections before it has caught up: see
    /// [`NatsCluster::wait_until_ready`](super::NatsCluster::wait_until_ready).
    ///
    /// # Errors
    /// Returns the errors of [`start`](Self::start).
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.run()
    }

    /// Reloads the running server with another configuration, and returns when it is in effect.
    ///
    /// # Errors
    /// Returns an error if the server does not run or rejects the configuration: some options require a restart.
    pub fn reload(&mut self, config: NatsConfig) -> Result<()> {
        let id = self
            .process_id()
            .context("cannot reload a server that is not running")?;
        self.instance.write(&config)?;
        let log_start = self.log().len();
        process::signal(id, Signal::HUP)?;
        let mut log = String::new();
        wait::poll_until(TIMEOUT, || {
            log = self.log().split_off(log_start);
            ["Reloaded server configuration", "Failed to reload"]
                .iter()
                .any(|end| log.contains(end))
        });
        ensure!(
            log.contains("Reloaded server configuration"),
            "{} did not reload: {log}",
            self.name()
        );
        self.configure(&config);
        Ok(())
    }

    /// Keeps the server running after this value is dropped.
    pub(crate) fn detach(mut self) -> Result<()> {
        let record = DetachedRecord {
            url: self.client_url(),
            monitoring_url: Some(self.monitoring_url()),
        };
        self.instance.process.detach(&record)
    }

    fn launch(instance: Instance, config: &NatsConfig) -> Result<Self> {
        instance.write(config)?;
        let mut server = Self {
            instance,
            has_tls: false,
            has_jetstream: false,
        };
        server.configure(config);
        server.run()?;
        Ok(server)
    }

    fn configure(&mut self, config: &NatsConfig) {
        self.has_tls = config.has_tls();
        self.has_jetstream = config.has_jetstream();
    }

    fn run(&mut self) -> Result<()> {
        let log_start = self.instance.launch()?;
        let mut is_ready = false;
        wait::poll_until(TIMEOUT, || {
            is_ready = self.is_ready();
            is_ready || self.instance.process.has_exited()
        });
        if !is_ready {
            self.kill()?;
            bail!("{} did not start: {}", self.name(), self.log().split_off(log_start));
        }
        Ok(())
    }

    /// Returns whether the server sends `INFO` and JetStream is healthy. JetStream in a member of a cluster is healthy
    /// only when the other members run, so it is not checked there.
    fn is_ready(&self) -> bool {
        let needs_health = self.has_jetstream && self.instance.route.is_none();
        let sends_info = server_name(self.client_address()).is_ok_and(|name| name == self.name());
        sends_info && (!needs_health || self.monitoring("/healthz").is_ok())
    }
}

/// Returns the server name in the first line of the protocol: `INFO {…}`.
fn server_name(server: SocketAddr) -> Result<String> {
    let stream = TcpStream::connect_timeout(&server, INFO_TIMEOUT)?;
    stream.set_read_timeout(Some(INFO_TIMEOUT))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let info = line.strip_prefix("INFO ").context("the first line is not `INFO`")?;
    let info: ServerInfo = serde_json::from_str(info)?;
    Ok(info.server_name)
}

#[derive(Deserialize)]
struct ServerInfo {
    server_name: String,
}

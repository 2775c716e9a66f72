use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use serde::Deserialize;
use serde_json::Value;

use super::NatsConfig;
use super::instance::{Instance, Member};
use crate::ports::retry_when_one_was_taken;
use crate::run_folder::Record;
use crate::{http, process, wait};

/// A server has started or ended after this time, or never will.
const PATIENCE: Duration = Duration::from_secs(20);
/// One that takes connections says its name at once. Another program on the port may say nothing.
const GREETING: Duration = Duration::from_secs(1);

/// A nats-server of its own: free ports on 127.0.0.1, an own folder, a process that ends with this value.
///
/// Calls block their thread until what they ask for is done, which takes a tenth of a second. Where tasks on the same
/// thread must go on meanwhile, call from another thread.
#[derive(Debug)]
pub struct NatsServer {
    instance: Instance,
    has_tls: bool,
    has_jetstream: bool,
}

impl NatsServer {
    /// Starts a server, and returns when it takes connections.
    ///
    /// # Errors
    /// When there is no nats-server and none can be had, and when the server does not start. The error carries its log.
    pub fn start(config: NatsConfig) -> Result<Self> {
        retry_when_one_was_taken(|| Self::launch(Instance::new("nats", None, false)?, &config))
    }

    /// The same for a server that outlives this process.
    pub(crate) fn start_to_stay(config: &NatsConfig) -> Result<Self> {
        retry_when_one_was_taken(|| Self::launch(Instance::new("nats", None, true)?, config))
    }

    pub(super) fn start_member(name: &str, member: Member, stays: bool, config: &NatsConfig) -> Result<Self> {
        Self::launch(Instance::new(name, Some(member), stays)?, config)
    }

    /// Where clients connect, such as `nats://127.0.0.1:12345`; `tls://` where they must use TLS.
    #[must_use]
    pub fn client_url(&self) -> String {
        let scheme = if self.has_tls { "tls" } else { "nats" };
        format!("{scheme}://{}", self.client_address())
    }

    /// The same as an address: what a proxy is put before.
    #[must_use]
    pub fn client_address(&self) -> SocketAddr {
        self.instance.client.address()
    }

    /// Where the server tells about itself, such as `http://127.0.0.1:12346`.
    #[must_use]
    pub fn monitoring_url(&self) -> String {
        format!("http://{}", self.instance.monitoring.address())
    }

    /// A page of the server's monitoring, such as `/varz`, `/connz?subs=1` or `/jsz?streams=1`.
    ///
    /// # Errors
    /// When the server does not answer, or with another status than 200, as `/healthz` does when the server is not
    /// well.
    pub fn monitoring(&self, path: &str) -> Result<Value> {
        http::get(self.instance.monitoring.address(), path)
    }

    /// The server's name: `nats`, or `node-1` and so on in a cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        self.instance.process.name()
    }

    /// The server's folder: its configuration, its log, and JetStream's store.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.instance.process.folder()
    }

    /// What the server has written to its log so far, in all of its lives.
    #[must_use]
    pub fn log(&self) -> String {
        self.instance.process.log()
    }

    /// The id of the server's process; none after [`kill`](Self::kill) and [`stop`](Self::stop).
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.instance.process.id()
    }

    /// Kills the server as `kill -9` does. Nothing happens to one that does not run.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.instance.process.kill()
    }

    /// Asks the server to end, and waits until it has. Nothing happens to one that does not run.
    ///
    /// # Errors
    /// When it does not end; it is killed then.
    pub fn stop(&mut self) -> Result<()> {
        self.instance.process.stop(PATIENCE)
    }

    /// Starts the server again, on the same ports and with the same data, and returns when it takes connections. A
    /// server that runs is stopped first.
    ///
    /// A member of a cluster may take connections before the cluster is whole again: see
    /// [`NatsCluster::wait_until_ready`](super::NatsCluster::wait_until_ready).
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.run()
    }

    /// Gives the running server another configuration, and returns when it has taken it up.
    ///
    /// # Errors
    /// When the server does not run, and when it refuses: some settings need a restart.
    pub fn reload(&mut self, config: NatsConfig) -> Result<()> {
        let id = self.process_id().context("a server that does not run cannot reload")?;
        self.instance.write(&config)?;
        let before = self.log().len();
        process::signal(id, Signal::HUP)?;
        let mut answer = String::new();
        wait::became_true(PATIENCE, || {
            answer = self.log().split_off(before);
            ["Reloaded server configuration", "Failed to reload"]
                .iter()
                .any(|end| answer.contains(end))
        });
        ensure!(
            answer.contains("Reloaded server configuration"),
            "{} did not reload: {answer}",
            self.name()
        );
        self.configure(&config);
        Ok(())
    }

    /// Leaves the running server behind.
    pub(crate) fn leave(mut self) -> Result<()> {
        let record = Record {
            url: self.client_url(),
            monitoring_url: Some(self.monitoring_url()),
        };
        self.instance.process.leave(&record)
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
        let before = self.instance.launch()?;
        let mut is_ready = false;
        wait::became_true(PATIENCE, || {
            is_ready = self.is_ready();
            is_ready || self.instance.process.has_ended()
        });
        if !is_ready {
            self.kill()?;
            bail!("{} did not start: {}", self.name(), self.log().split_off(before));
        }
        Ok(())
    }

    /// Whether the server greets those who connect, and JetStream is there. A member of a cluster has no JetStream
    /// before the others are there.
    fn is_ready(&self) -> bool {
        let needs_health = self.has_jetstream && self.instance.member.is_none();
        let greets = greeting(self.client_address()).is_ok_and(|name| name == self.name());
        greets && (!needs_health || self.monitoring("/healthz").is_ok())
    }
}

/// The name of the server in what it says first: `INFO {…}`.
fn greeting(server: SocketAddr) -> Result<String> {
    let stream = TcpStream::connect_timeout(&server, GREETING)?;
    stream.set_read_timeout(Some(GREETING))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let info = line.strip_prefix("INFO ").context("the first line is not INFO")?;
    let info: Greeting = serde_json::from_str(info)?;
    Ok(info.server_name)
}

#[derive(Deserialize)]
struct Greeting {
    server_name: String,
}

//! A server, whatever program it runs.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use rustix::process::Signal;

use super::ports::retry_on_port_conflict;
use super::run_folder::DetachedRecord;
use super::server_process::{Lifetime, ServerProcess};
use crate::wait;

/// A program that runs as a server: its ports, its configuration, and its readiness.
pub trait Program: fmt::Debug + Send + Sync + Sized {
    /// Configuration of a server.
    type Config: Sync;

    /// Name of a single server.
    const NAME: &'static str;
    /// Prefix of the names in a cluster: `node` for `node-1`, `node-2` and so on.
    const MEMBER_PREFIX: &'static str;
    /// Limit for a start and a stop.
    const TIMEOUT: Duration;
    /// Limit for a cluster to become ready.
    const CLUSTER_TIMEOUT: Duration;

    /// Reserves the ports of the server with this index in its cluster. The first server in `folder` has the index 0.
    ///
    /// # Errors
    /// Returns an error if the program is not installed and cannot be installed, or if no port is free.
    fn new(folder: &Path, index: usize, preferred_port: Option<u16>, config: &Self::Config) -> Result<Self>;

    /// Writes the configuration. `cluster` is the [peer address](Self::peer_address) of every member, this one included,
    /// and `None` for a single server.
    ///
    /// # Errors
    /// Returns an error if the configuration is invalid or cannot be written.
    fn prepare(server: &mut Server<Self>, cluster: Option<&[SocketAddr]>, config: &Self::Config) -> Result<()>;

    /// Returns the command that runs the server.
    fn command(server: &Server<Self>) -> Command;

    /// Returns the address that clients connect to.
    fn client_address(&self) -> SocketAddr;

    /// Returns the address that the other members of a cluster connect to.
    fn peer_address(&self) -> SocketAddr;

    /// Returns whether the server serves clients.
    fn is_ready(server: &Server<Self>) -> bool;

    /// Checks that a running server sees the running members of its cluster.
    ///
    /// # Errors
    /// Returns an error that says what is missing.
    fn check(server: &Server<Self>, members: &[Server<Self>]) -> Result<()>;

    /// Returns the reason for a failed start from the log.
    fn start_errors(log: &str) -> String;

    /// Returns the client URL and, if there are monitoring pages, their URL.
    fn urls(server: &Server<Self>) -> (String, Option<String>);
}

/// A server with free ports on 127.0.0.1 and its own folder. Its process is killed on drop.
///
/// Calls block their thread: a start of nats-server takes a tenth of a second, a start of Kafka five seconds. On a
/// current-thread runtime, call them from another thread if tasks must run meanwhile.
#[derive(Debug)]
pub struct Server<P> {
    // Dropped first: the ports are in use until the process is killed.
    process: ServerProcess,
    pub(crate) program: P,
}

impl<P: Program> Server<P> {
    /// Starts a server, and returns when it serves clients.
    ///
    /// # Errors
    /// Returns an error if the program is not installed and cannot be installed, or, with the server's log, if the server
    /// does not start.
    pub fn start(config: P::Config) -> Result<Self> {
        Self::launch(&config, Lifetime::Owned)
    }

    /// Returns the address of the client port.
    #[must_use]
    pub fn client_address(&self) -> SocketAddr {
        self.program.client_address()
    }

    /// Returns the server's name: `nats` or `kafka`, in a cluster `node-1` or `kafka-1` and so on.
    #[must_use]
    pub fn name(&self) -> &str {
        self.process.name()
    }

    /// Returns the folder with the configuration, the log and the data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.process.folder()
    }

    /// Returns the server's log since its first start.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Returns the process id, or `None` after [`kill`](Self::kill) and [`stop`](Self::stop).
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Kills the server with SIGKILL. Does nothing if it does not run.
    ///
    /// # Errors
    /// Returns an error if the operating system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Sends SIGTERM, and waits for the exit. Does nothing if the server does not run.
    ///
    /// # Errors
    /// Returns an error if the server does not exit in time. It is then killed.
    pub fn stop(&mut self) -> Result<()> {
        self.process.stop(P::TIMEOUT)
    }

    /// Stops the process with SIGSTOP: its connections stay open, and it does not respond.
    ///
    /// # Errors
    /// Returns an error if the server does not run.
    pub fn freeze(&self) -> Result<()> {
        self.process.freeze()
    }

    /// Continues the [frozen](Self::freeze) process with SIGCONT.
    ///
    /// # Errors
    /// Returns an error if the server does not run.
    pub fn thaw(&self) -> Result<()> {
        self.process.signal(Signal::CONT)
    }

    /// Restarts the server with the same ports and data, and returns when it serves clients. Stops it first if it runs.
    ///
    /// A member of a cluster may serve clients before it has caught up: see
    /// [`Cluster::wait_until_ready`](crate::Cluster::wait_until_ready). A Kafka broker
    /// starts only if more than half of the brokers run, this one included.
    ///
    /// # Errors
    /// Returns the errors of [`start`](Self::start).
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        let log_start = self.spawn()?;
        self.wait_until_ready(log_start)
    }

    /// Starts a server with this lifetime.
    pub(crate) fn launch(config: &P::Config, lifetime: Lifetime) -> Result<Self> {
        retry_on_port_conflict(|| {
            let mut server = Self::new(P::NAME, 0, lifetime, config)?;
            P::prepare(&mut server, None, config)?;
            let log_start = server.spawn()?;
            server.wait_until_ready(log_start)?;
            Ok(server)
        })
    }

    /// Keeps the server running after this value is dropped.
    pub(crate) fn detach(mut self) -> Result<()> {
        let (url, monitoring_url) = P::urls(&self);
        self.process.detach(&DetachedRecord { url, monitoring_url })
    }

    /// Makes the running server read its configuration again.
    pub(crate) fn hang_up(&self) -> Result<()> {
        self.process.signal(Signal::HUP)
    }

    /// Creates the folder and reserves the ports. Starts nothing.
    pub(super) fn new(name: &str, index: usize, lifetime: Lifetime, config: &P::Config) -> Result<Self> {
        let process = ServerProcess::new(name, lifetime)?;
        Ok(Self {
            program: P::new(process.folder(), index, lifetime.preferred_port(), config)?,
            process,
        })
    }

    /// Spawns the process, and returns the length of the log before the start.
    pub(super) fn spawn(&mut self) -> Result<usize> {
        let command = P::command(self);
        self.process.launch(command)
    }

    /// Waits until the server serves clients. `log_start` is the result of [`spawn`](Self::spawn).
    pub(super) fn wait_until_ready(&mut self, log_start: usize) -> Result<()> {
        let mut is_ready = false;
        wait::poll_until(P::TIMEOUT, || {
            is_ready = P::is_ready(self);
            is_ready || self.process.has_exited()
        });
        if !is_ready {
            self.kill()?;
            let log = self.log().split_off(log_start);
            bail!("{} did not start: {}", self.name(), P::start_errors(&log));
        }
        Ok(())
    }
}

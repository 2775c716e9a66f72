use std::net::SocketAddr;
use std::thread;

use anyhow::{Result, anyhow, ensure};

use super::ports::retry_on_port_conflict;
use super::server::{Program, Server};
use super::server_process::Lifetime;
use crate::wait;

/// A cluster of servers that know each other. Each member is killed on drop.
#[derive(Debug)]
pub struct Cluster<P> {
    servers: Vec<Server<P>>,
}

impl<P: Program> Cluster<P> {
    /// Starts `size` servers, and returns when the cluster is ready.
    ///
    /// # Errors
    /// Returns the errors of [`Server::start`] and [`wait_until_ready`](Self::wait_until_ready).
    pub fn start(size: usize, config: P::Config) -> Result<Self> {
        Self::launch(size, &config, Lifetime::Owned)
    }

    /// Returns the servers in the order of their names.
    #[must_use]
    pub fn servers(&self) -> &[Server<P>] {
        &self.servers
    }

    /// Starts all servers that do not run, and returns when the cluster is ready.
    ///
    /// # Errors
    /// Returns the errors of [`start`](Self::start).
    pub fn restart(&mut self) -> Result<()> {
        self.launch_stopped()?;
        self.wait_until_ready()
    }

    /// Waits until the running servers form a cluster. NATS: JetStream has a leader, and every server is healthy. Kafka:
    /// exactly the running brokers are registered with each other, every partition with a replica on them has a leader, and
    /// these replicas are in sync.
    ///
    /// # Errors
    /// Returns an error with the last failed check after a minute or more.
    pub fn wait_until_ready(&self) -> Result<()> {
        let timeout = P::CLUSTER_TIMEOUT;
        let mut last_error = String::new();
        let is_ready = wait::poll_until(timeout, || {
            let check = self.running().try_for_each(|server| P::check(server, &self.servers));
            last_error = check
                .as_ref()
                .err()
                .map(|error| format!("{error:#}"))
                .unwrap_or_default();
            check.is_ok()
        });
        ensure!(is_ready, "the cluster is not ready after {timeout:?}: {last_error}");
        Ok(())
    }

    /// Returns the server that satisfies the condition.
    pub(crate) fn find(&mut self, is_wanted: impl Fn(&Server<P>) -> bool) -> Option<&mut Server<P>> {
        self.servers.iter_mut().find(|server| is_wanted(server))
    }

    /// Returns the servers that were not stopped.
    pub(crate) fn running(&self) -> impl Iterator<Item = &Server<P>> {
        self.servers.iter().filter(|server| server.process_id().is_some())
    }

    /// Keeps the servers running after this value is dropped.
    pub(crate) fn detach(self) -> Result<()> {
        self.servers.into_iter().try_for_each(Server::detach)
    }

    /// Starts servers with this lifetime. If they are detached, the first one has the preferred port if it is free.
    pub(crate) fn launch(size: usize, config: &P::Config, lifetime: Lifetime) -> Result<Self> {
        let cluster = retry_on_port_conflict(|| {
            let mut servers = Vec::new();
            for index in 0..size {
                let name = format!("{}-{}", P::MEMBER_PREFIX, index + 1);
                servers.push(Server::new(&name, index, lifetime.of_member(index), config)?);
            }
            let mut cluster = Self { servers };
            cluster.prepare(config)?;
            cluster.launch_stopped()?;
            Ok(cluster)
        })?;
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// Writes all configurations at once, since Kafka formats its data folder, which takes a second.
    fn prepare(&mut self, config: &P::Config) -> Result<()> {
        let peers = self.servers.iter().map(|server| server.program.peer_address());
        let peers: &[SocketAddr] = &peers.collect::<Vec<_>>();
        thread::scope(|scope| {
            let prepare = |server| scope.spawn(move || P::prepare(server, Some(peers), config));
            let threads: Vec<_> = self.servers.iter_mut().map(prepare).collect();
            let mut results = threads.into_iter().map(thread::ScopedJoinHandle::join);
            results.try_for_each(|result| result.map_err(|_| anyhow!("preparing a server panicked"))?)
        })
    }

    /// Launches all servers before it waits for the first: a Kafka broker starts only with a quorum.
    fn launch_stopped(&mut self) -> Result<()> {
        let mut launched = Vec::new();
        for server in self.servers.iter_mut().filter(|server| server.process_id().is_none()) {
            let log_start = server.spawn()?;
            launched.push((server, log_start));
        }
        launched
            .into_iter()
            .try_for_each(|(server, log_start)| server.wait_until_ready(log_start))
    }
}

/// Creates a cluster of one server.
impl<P> From<Server<P>> for Cluster<P> {
    fn from(server: Server<P>) -> Self {
        Self { servers: vec![server] }
    }
}

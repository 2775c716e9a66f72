use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::instance::ClusterRoute;
use super::{NatsConfig, NatsServer};
use crate::ports::{Port, retry_on_port_conflict};
use crate::server_process::Lifetime;
use crate::wait;

/// Generous: a cluster elects its leaders within seconds.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// A cluster of nats-servers with JetStream, named `node-1`, `node-2` and so on.
///
/// The servers do not advertise each other to clients: a client connects only to the URLs that it was given.
#[derive(Debug)]
pub struct NatsCluster {
    servers: Vec<NatsServer>,
}

impl NatsCluster {
    /// Starts `size` servers, and returns when JetStream has a leader and every server is healthy.
    ///
    /// # Errors
    /// Returns the errors of [`NatsServer::start`], and an error if the servers do not form a cluster within a minute.
    pub fn start(size: usize, config: NatsConfig) -> Result<Self> {
        Self::launch(size, config, Lifetime::Owned)
    }

    /// Starts servers that outlive this process. The first one listens on the preferred port if it is free.
    pub(crate) fn start_detached(size: usize, config: NatsConfig, preferred_port: u16) -> Result<Self> {
        let preferred_port = Some(preferred_port);
        Self::launch(size, config, Lifetime::Detached { preferred_port })
    }

    /// Returns the servers, sorted by name.
    #[must_use]
    pub fn servers(&self) -> &[NatsServer] {
        &self.servers
    }

    /// Returns the server of this name, such as the leader in a stream's info.
    ///
    /// # Errors
    /// Returns an error if there is none.
    pub fn server(&mut self, name: &str) -> Result<&mut NatsServer> {
        let server = self.servers.iter_mut().find(|server| server.name() == name);
        server.with_context(|| format!("the cluster has no server `{name}`"))
    }

    /// Returns the servers' client URLs, separated by commas.
    #[must_use]
    pub fn client_url(&self) -> String {
        let urls: Vec<String> = self.servers.iter().map(NatsServer::client_url).collect();
        urls.join(",")
    }

    /// Waits until JetStream has a leader and every server that was not stopped is healthy.
    ///
    /// # Errors
    /// Returns an error with the last failed check after a minute.
    pub fn wait_until_ready(&self) -> Result<()> {
        let running = || self.servers.iter().filter(|server| server.process_id().is_some());
        let mut last_error = String::new();
        let ready = wait::poll_until(READY_TIMEOUT, || {
            let health = running().try_for_each(|server| self.check(server));
            last_error = health
                .as_ref()
                .err()
                .map(|error| format!("{error:#}"))
                .unwrap_or_default();
            health.is_ok()
        });
        ensure!(ready, "the cluster is not ready after {READY_TIMEOUT:?}: {last_error}");
        Ok(())
    }

    pub(crate) fn into_servers(self) -> Vec<NatsServer> {
        self.servers
    }

    fn launch(size: usize, config: NatsConfig, lifetime: Lifetime) -> Result<Self> {
        let config = config.jetstream();
        let cluster = retry_on_port_conflict(|| {
            let ports = (0..size).map(|_| Port::reserve()).collect::<Result<Vec<_>>>()?;
            let routes: Vec<_> = ports.iter().map(Port::address).collect();
            let mut servers = Vec::new();
            for (index, port) in ports.into_iter().enumerate() {
                let route = ClusterRoute {
                    port,
                    routes: routes.clone(),
                };
                let name = format!("node-{}", index + 1);
                servers.push(NatsServer::start_member(
                    &name,
                    route,
                    lifetime.of_member(index),
                    &config,
                )?);
            }
            Ok(Self { servers })
        })?;
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// Checks that a server is healthy, and reports a running leader and all members.
    fn check(&self, server: &NatsServer) -> Result<()> {
        server.monitoring("/healthz")?;
        let jetstream = server.monitoring("/jsz")?;
        let field = |pointer| jetstream.pointer(pointer).cloned().unwrap_or_default();
        // For a while after a kill, the other servers report the old leader.
        let leader = field("/meta_cluster/leader");
        let is_leader = |server: &NatsServer| server.process_id().is_some() && leader == server.name();
        ensure!(
            self.servers.iter().any(is_leader),
            "{} reports no running leader",
            server.name()
        );
        let size = field("/meta_cluster/cluster_size");
        ensure!(
            size == self.servers.len(),
            "{} reports a cluster of {size}",
            server.name()
        );
        Ok(())
    }
}

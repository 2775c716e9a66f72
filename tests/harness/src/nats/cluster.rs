use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::instance::Member;
use super::{NatsConfig, NatsServer};
use crate::ports::{Port, retry_when_one_was_taken};
use crate::wait;

/// A cluster elects its leaders within seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Servers that route to each other, named `node-1`, `node-2` and so on, with JetStream in all of them.
///
/// A client is not told of the members that it was not given.
#[derive(Debug)]
pub struct NatsCluster {
    servers: Vec<NatsServer>,
}

impl NatsCluster {
    /// Starts `size` servers, and returns when JetStream has a leader and every server is well.
    ///
    /// # Errors
    /// As [`NatsServer::start`], and when the servers do not come together.
    pub fn start(size: usize, config: NatsConfig) -> Result<Self> {
        Self::launch(size, config, false)
    }

    /// The same for servers that outlive this process.
    pub(crate) fn start_to_stay(size: usize, config: NatsConfig) -> Result<Self> {
        Self::launch(size, config, true)
    }

    /// The members, in the order of their names.
    #[must_use]
    pub fn servers(&self) -> &[NatsServer] {
        &self.servers
    }

    /// The member of this name, such as the one that a stream's information names as its leader.
    ///
    /// # Errors
    /// When there is none.
    pub fn server(&mut self, name: &str) -> Result<&mut NatsServer> {
        let server = self.servers.iter_mut().find(|server| server.name() == name);
        server.with_context(|| format!("the cluster has no member `{name}`"))
    }

    /// Where clients connect: the members' URLs, with commas between them.
    #[must_use]
    pub fn client_url(&self) -> String {
        let urls: Vec<String> = self.servers.iter().map(NatsServer::client_url).collect();
        urls.join(",")
    }

    /// Waits until JetStream has a leader and every server that was not stopped is well.
    ///
    /// # Errors
    /// When that does not come about within a minute. The error says what the servers say.
    pub fn wait_until_ready(&self) -> Result<()> {
        let running = || self.servers.iter().filter(|server| server.process_id().is_some());
        let mut complaint = String::new();
        let ready = wait::became_true(PATIENCE, || {
            let health = running().try_for_each(|server| self.check(server));
            complaint = health
                .as_ref()
                .err()
                .map(|error| format!("{error:#}"))
                .unwrap_or_default();
            health.is_ok()
        });
        ensure!(ready, "the cluster is not ready after {PATIENCE:?}: {complaint}");
        Ok(())
    }

    pub(crate) fn into_servers(self) -> Vec<NatsServer> {
        self.servers
    }

    fn launch(size: usize, config: NatsConfig, stays: bool) -> Result<Self> {
        let config = config.jetstream();
        let cluster = retry_when_one_was_taken(|| {
            let ports = (0..size).map(|_| Port::reserve()).collect::<Result<Vec<_>>>()?;
            let routes: Vec<_> = ports.iter().map(Port::address).collect();
            let mut servers = Vec::new();
            for (index, port) in ports.into_iter().enumerate() {
                let member = Member {
                    port,
                    routes: routes.clone(),
                };
                let name = format!("node-{}", index + 1);
                servers.push(NatsServer::start_member(&name, member, stays, &config)?);
            }
            Ok(Self { servers })
        })?;
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// A server is well, and knows the leader and as many members as there are.
    fn check(&self, server: &NatsServer) -> Result<()> {
        server.monitoring("/healthz")?;
        let jetstream = server.monitoring("/jsz")?;
        let said = |pointer| jetstream.pointer(pointer).cloned().unwrap_or_default();
        // The others name a leader that was killed until they notice.
        let leader = said("/meta_cluster/leader");
        let leads = |member: &NatsServer| member.process_id().is_some() && leader == member.name();
        ensure!(
            self.servers.iter().any(leads),
            "{} knows no leader that runs",
            server.name()
        );
        let size = said("/meta_cluster/cluster_size");
        ensure!(
            size == self.servers.len(),
            "{} knows a cluster of {size}",
            server.name()
        );
        Ok(())
    }
}

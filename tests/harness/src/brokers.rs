//! Detached servers, which outlive the process that starts them: `cargo xtask brokers`.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::nats::{NatsCluster, NatsConfig};
use crate::servers::run_folder::{FoundServer, RunFolders};
use crate::servers::{Cluster, Lifetime, Program, Server};

#[cfg(feature = "certificates")]
mod kafka;
mod port_conflict;

#[cfg(feature = "certificates")]
pub use self::kafka::{DetachedKafka, KAFKA_PORT, up_kafka};
pub use self::port_conflict::PortConflict;

/// The standard client port of NATS.
pub const NATS_PORT: u16 = 4222;

/// Detached nats-servers. Displayed as lines for a shell's `eval`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DetachedNats {
    /// The client URLs, separated by commas.
    pub url: String,
    /// Set if the preferred port was in use.
    pub port_conflict: Option<PortConflict>,
}

/// Starts a nats-server with JetStream, or a cluster of `size` servers, and leaves it running.
///
/// Clients connect to the first server on `preferred_port` if it is free. Monitoring pages, cluster routes and the other
/// servers have random ports.
///
/// # Errors
/// Returns the errors of [`Cluster::start`].
pub fn up_nats(size: usize, preferred_port: u16) -> Result<DetachedNats> {
    let cluster: NatsCluster = up(size, &NatsConfig::new().jetstream(), preferred_port)?;
    let nats = DetachedNats {
        url: cluster.client_url(),
        port_conflict: PortConflict::check("nats-server", preferred_port, &cluster),
    };
    cluster.detach()?;
    Ok(nats)
}

/// Starts a server or a cluster that outlives this process once it is detached.
fn up<P: Program>(size: usize, config: &P::Config, preferred_port: u16) -> Result<Cluster<P>> {
    let preferred_port = Some(preferred_port);
    let lifetime = Lifetime::Detached { preferred_port };
    match size {
        0 => bail!("a cluster needs at least one server"),
        1 => Ok(Server::launch(config, lifetime)?.into()),
        _ => Cluster::launch(size, config, lifetime),
    }
}

/// Stops the detached servers, and the orphaned ones. Servers of running tests are not stopped. Returns the stopped
/// servers.
///
/// # Errors
/// Returns an error at the first server that does not exit.
pub fn down() -> Result<Vec<Broker>> {
    stop_if(|_| true)
}

/// Returns all servers of the harness in this checkout.
///
/// # Errors
/// Returns an error if the folder of the servers cannot be read.
pub fn status() -> Result<Vec<Broker>> {
    let folders = RunFolders::of_this_workspace();
    let _lock = folders.lock()?;
    Ok(folders.list()?.iter().map(Broker::from).collect())
}

/// A server that [`status`] found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Broker {
    /// Folder with its configuration, log and data.
    pub folder: PathBuf,
    /// Process id, if the server runs.
    pub process_id: Option<u32>,
    /// Owner that stops the server.
    pub ownership: Ownership,
}

/// Owner that stops a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// [`down`] stops the server, which was started by [`up_nats`] or [`up_kafka`].
    Detached {
        /// Client URL.
        url: String,
        /// URL of the monitoring pages, if the server has them.
        monitoring_url: Option<String>,
    },
    /// A running process stops the server.
    Owned,
    /// The owner was killed before it stopped the server. [`down`], or the next start of any server, stops it.
    Orphaned,
}

impl Broker {
    /// Stops the server and removes its folder. Does nothing if the server is owned, or already stopped.
    ///
    /// # Errors
    /// Returns an error if the server does not exit.
    pub fn stop(&self) -> Result<()> {
        stop_if(|found| found.path == self.folder).map(drop)
    }
}

impl From<&FoundServer> for Broker {
    fn from(found: &FoundServer) -> Self {
        let ownership = match &found.record {
            Some(record) => Ownership::Detached {
                url: record.url.clone(),
                monitoring_url: record.monitoring_url.clone(),
            },
            None if found.has_no_owner() => Ownership::Orphaned,
            None => Ownership::Owned,
        };
        Self {
            folder: found.path.clone(),
            process_id: found.process,
            ownership,
        }
    }
}

impl fmt::Display for DetachedNats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(conflict) = &self.port_conflict {
            writeln!(f, "# {conflict}")?;
        }
        write!(f, "export NATS_URL={}", self.url)
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, ownership, .. } = self;
        match self.process_id {
            Some(id) => write!(f, "process {id}, ")?,
            None => f.write_str("not running, ")?,
        }
        match ownership {
            Ownership::Detached { url, monitoring_url } => {
                write!(f, "{url}, ")?;
                if let Some(monitoring_url) = monitoring_url {
                    write!(f, "{monitoring_url}, ")?;
                }
            }
            Ownership::Owned => f.write_str("owned by a running process, ")?,
            Ownership::Orphaned => f.write_str("orphaned, ")?,
        }
        write!(f, "{}", folder.display())
    }
}

fn stop_if(is_selected: impl Fn(&FoundServer) -> bool) -> Result<Vec<Broker>> {
    let folders = RunFolders::of_this_workspace();
    let _lock = folders.lock()?;
    let mut stopped = Vec::new();
    for found in folders.list()? {
        if found.has_no_owner() && is_selected(&found) {
            stopped.push(Broker::from(&found));
            found.clear()?;
        }
    }
    Ok(stopped)
}

//! Servers that stay when the process that started them ends: for a person who tries something out.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::run_folder::{Found, Place};
use crate::{NatsCluster, NatsConfig, NatsServer};

#[cfg(feature = "certificates")]
mod kafka;
#[cfg(feature = "certificates")]
pub use self::kafka::{DetachedKafka, up_kafka};

/// Starts a nats-server with JetStream, or a cluster of several, and leaves it running. Returns where clients connect.
///
/// # Errors
/// As [`NatsServer::start`] and [`NatsCluster::start`].
pub fn up_nats(size: usize) -> Result<String> {
    let config = NatsConfig::new().jetstream();
    let (url, servers) = match size {
        0 => bail!("a cluster has at least one server"),
        1 => {
            let server = NatsServer::start_to_stay(&config)?;
            (server.client_url(), vec![server])
        }
        _ => {
            let cluster = NatsCluster::start_to_stay(size, config)?;
            (cluster.client_url(), cluster.into_servers())
        }
    };
    for server in servers {
        server.leave()?;
    }
    Ok(url)
}

/// Ends the servers that were started to stay, and those that a process which was killed left behind. Servers of tests
/// that run are left alone. Returns what was ended.
///
/// # Errors
/// When a server does not end. The others are not ended then.
pub fn down() -> Result<Vec<Broker>> {
    let place = Place::of_this_workspace();
    let _lock = place.lock()?;
    let mut ended = Vec::new();
    for found in place.list()? {
        if found.is_abandoned() {
            ended.push(Broker::from(&found));
            found.clear()?;
        }
    }
    Ok(ended)
}

/// All servers of the harness in this checkout.
///
/// # Errors
/// When the folder of the servers cannot be read.
pub fn status() -> Result<Vec<Broker>> {
    let place = Place::of_this_workspace();
    let _lock = place.lock()?;
    Ok(place.list()?.iter().map(Broker::from).collect())
}

/// A server, as [`status`] found it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Broker {
    /// Where its configuration, log and data are.
    pub folder: PathBuf,
    /// Its process, if that runs.
    pub process_id: Option<u32>,
    /// How it came to be there.
    pub ownership: Ownership,
}

/// How a server came to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// It was started to stay.
    Detached {
        /// Where clients connect.
        url: String,
        /// Where it tells about itself, if it does.
        monitoring_url: Option<String>,
    },
    /// It belongs to a process that runs.
    Owned,
    /// It belongs to a process that ended before it could end its servers.
    Orphaned,
}

impl From<&Found> for Broker {
    fn from(found: &Found) -> Self {
        let ownership = match &found.record {
            Some(record) => Ownership::Detached {
                url: record.url.clone(),
                monitoring_url: record.monitoring_url.clone(),
            },
            None if found.is_abandoned() => Ownership::Orphaned,
            None => Ownership::Owned,
        };
        Self {
            folder: found.path.clone(),
            process_id: found.process,
            ownership,
        }
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
            Ownership::Owned => f.write_str("of a process that runs, ")?,
            Ownership::Orphaned => f.write_str("left behind, ")?,
        }
        write!(f, "{}", folder.display())
    }
}

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;

use crate::servers::{Cluster, Program};

/// The preferred port of a server was in use, and clients connect to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PortConflict {
    server: &'static str,
    /// The port that was in use.
    pub preferred_port: u16,
    /// The address that clients connect to instead.
    pub address: SocketAddr,
}

impl PortConflict {
    /// Checks the port of the first server, and prints a conflict to stderr if a shell's `eval` hides the comment on stdout.
    pub(super) fn check<P: Program>(server: &'static str, preferred_port: u16, cluster: &Cluster<P>) -> Option<Self> {
        let address = cluster.servers().first()?.client_address();
        let conflict = (address.port() != preferred_port).then_some(Self {
            server,
            preferred_port,
            address,
        })?;
        if !io::stdout().is_terminal() {
            // A closed stderr is no reason to fail.
            let _ = writeln!(io::stderr(), "{conflict}");
        }
        Some(conflict)
    }
}

impl fmt::Display for PortConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            server,
            preferred_port,
            address,
        } = self;
        write!(
            f,
            "port {preferred_port} is in use: {server} listens on {address} instead"
        )
    }
}

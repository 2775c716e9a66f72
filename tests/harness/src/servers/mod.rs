//! Servers and clusters, whatever program they run.

mod server;
pub(crate) use server::Program;
pub use server::Server;

mod cluster;
pub use cluster::Cluster;

mod server_process;
pub(crate) use server_process::Lifetime;

pub(crate) mod log_tail;
mod orphan_guard;
pub(crate) mod ports;
mod process;
pub(crate) mod run_folder;

//! Real brokers and faulty links for the tests of this workspace.
//!
//! ```no_run
//! use driver_events_harness::{NatsConfig, NatsServer, Proxy};
//!
//! # fn main() -> anyhow::Result<()> {
//! let mut server = NatsServer::start(NatsConfig::new().jetstream())?;
//! let link = Proxy::start(server.client_address())?;
//! // A client connects to `nats://` and `link.address()`, works, and then:
//! link.cut();
//! server.kill()?;
//! server.restart()?;
//! # Ok(())
//! # }
//! ```
//!
//! This crate depends on no other crate of the workspace, so that the tests of each of them can use it.

#![expect(clippy::panic, reason = "a test fails by a panic")]
#![expect(clippy::print_stderr, reason = "a test that fails shows what its servers logged")]

mod nats;
pub use nats::{NatsCluster, NatsConfig, NatsServer, NatsUser};

mod proxy;
pub use proxy::{Counts, Direction, Proxy};

mod certificates;
pub use certificates::Certificates;

mod wait;
pub use wait::{wait_for, wait_until};

pub mod brokers;
pub mod folders;
pub mod provision;

mod file_lock;
mod http;
mod ports;
mod process;
mod run_folder;

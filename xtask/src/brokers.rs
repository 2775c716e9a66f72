//! `cargo xtask brokers`: real servers to try something out with.

use anyhow::{Context, Result};
use driver_events_harness::{brokers, provision};

/// What to do with the servers.
#[derive(Clone, Copy, Debug, clap::Subcommand)]
pub enum Action {
    /// Start servers that stay until `down`, and print where they are.
    Up {
        /// Which.
        server: Server,
        /// So many, as a cluster.
        #[arg(long, value_name = "SERVERS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=9))]
        cluster: u8,
    },
    /// End the servers that stay, and those that tests left behind. Those of tests that run are left alone.
    Down,
    /// List the servers.
    Status,
}

/// A server that can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Server {
    /// nats-server, with JetStream.
    Nats,
}

/// Does it, and prints what a shell can take up.
///
/// # Errors
/// When a server cannot be had, does not start, or does not end.
#[expect(clippy::print_stdout, reason = "the output is for a shell's `eval`, and for people")]
pub fn run(action: Action) -> Result<()> {
    match action {
        Action::Up {
            server: Server::Nats,
            cluster,
        } => {
            let url = brokers::up_nats(cluster.into()).context("no nats-server was started")?;
            println!("export NATS_URL={url}");
        }
        Action::Down => {
            for broker in brokers::down()? {
                println!("ended: {broker}");
            }
        }
        Action::Status => {
            for broker in brokers::status()? {
                println!("{broker}");
            }
            match provision::nats_server_if_there()? {
                Some(program) => {
                    let version = provision::nats_server_version(&program)?;
                    println!("nats-server {version}, {}", program.display());
                }
                None => println!("nats-server is not installed; `up nats` does it"),
            }
        }
    }
    Ok(())
}

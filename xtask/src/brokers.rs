//! `cargo xtask brokers`: real servers, for tests and for trying things out.

use std::path::Path;

use anyhow::{Context, Result};
use driver_events_harness::{archive_classes, brokers, interop, provision};

use crate::output::print;
use crate::selection::Selection;
use crate::transport::Transport;

/// Folder of the consumers in other languages, which the end-to-end tests run.
const CONSUMERS: &str = "docs/consumers";

/// A command on the servers.
#[derive(Clone, Copy, Debug, clap::Subcommand)]
pub enum Action {
    /// Install the servers and the consumers in other languages that the tests need
    Install {
        /// Install only this server and its consumers
        server: Option<Transport>,
    },
    /// Start servers that run until `down`, and print their addresses
    Up {
        /// Server to start
        server: Transport,
        /// Number of servers in the cluster
        #[arg(long, value_name = "SERVERS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=9))]
        cluster: u8,
    },
    /// Stop the servers of `up`, and those that killed tests left behind. Servers of running tests keep running
    Down,
    /// List the running and the installed servers
    Status,
}

/// Runs the action. `up` prints a shell script that sets the addresses as variables.
///
/// # Errors
/// Returns an error if a server or a consumer cannot be installed, started or stopped.
pub fn run(root: &Path, action: Action) -> Result<()> {
    match action {
        Action::Install { server } => {
            let servers = Transport::ALL.into_iter();
            for server in servers.filter(|each| server.is_none_or(|only| only == *each)) {
                install(root, server, &Selection::default())?;
            }
        }
        Action::Up {
            server: Transport::Nats,
            cluster,
        } => {
            let nats = brokers::up_nats(cluster.into(), brokers::NATS_PORT).context("cannot start nats-server")?;
            print(nats)?;
        }
        Action::Up {
            server: Transport::Kafka,
            cluster,
        } => {
            let kafka = brokers::up_kafka(cluster.into(), brokers::KAFKA_PORT).context("cannot start Kafka")?;
            print(kafka)?;
        }
        Action::Down => {
            for broker in brokers::down()? {
                print(format_args!("stopped: {broker}"))?;
            }
        }
        Action::Status => {
            for broker in brokers::status()? {
                print(broker)?;
            }
            match provision::installed_nats_server()? {
                Some(program) => print(nats_server(&program)?)?,
                None => print("nats-server is not installed: run `cargo xtask brokers install nats`")?,
            }
            match provision::installed_kafka()? {
                Some(home) => print(kafka(&home)?)?,
                None => print("Kafka is not installed: run `cargo xtask brokers install kafka`")?,
            }
        }
    }
    Ok(())
}

/// Installs a server, and its consumers in other languages if the end-to-end tests are selected.
///
/// # Errors
/// Returns an error that says which tool to install.
pub fn install(root: &Path, server: Transport, selection: &Selection) -> Result<()> {
    let installed = match server {
        Transport::Nats => nats_server(&provision::nats_server()?)?,
        Transport::Kafka => {
            let home = provision::kafka()?;
            archive_classes().context("cannot archive the classes of Kafka")?;
            kafka(&home)?
        }
    };
    print(installed)?;
    if selection.has_end_to_end_tests() {
        let consumers = root.join(CONSUMERS);
        for requirements in [server.name(), "dev"] {
            interop::python(&consumers.join(format!("python/{requirements}-requirements.txt")))?;
        }
        print(format_args!(
            "Python consumer, {CONSUMERS}/python/examples/{server}_consumer.py"
        ))?;
        let program = interop::go_program(&consumers.join("go").join(server.name()))?;
        print(format_args!("Go consumer, {}", program.display()))?;
        if matches!(server, Transport::Nats) {
            let project = interop::node_project(&consumers.join("typescript"), Some("programs"))?;
            print(format_args!("TypeScript package, {}", project.folder().display()))?;
        }
    }
    Ok(())
}

fn kafka(home: &Path) -> Result<String> {
    Ok(format!("Kafka {}, {}", provision::kafka_version(home)?, home.display()))
}

fn nats_server(program: &Path) -> Result<String> {
    let version = provision::nats_server_version(program)?;
    Ok(format!("nats-server {version}, {}", program.display()))
}

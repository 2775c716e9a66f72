//! `cargo xtask brokers`: real servers, for tests and to try something out with.

use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;
use driver_events_harness::{brokers, interop, provision};

const HARNESS: &str = "driver-events-harness";
/// The consumers in other languages, which the tests run.
const CONSUMERS: &str = "docs/examples";

/// What to do with the servers.
#[derive(Clone, Copy, Debug, clap::Subcommand)]
pub enum Action {
    /// Install the servers that the tests need, and the consumers in other languages, where they are missing.
    Install {
        /// This one alone, with its consumers.
        server: Option<Server>,
    },
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
    /// Apache Kafka, without ZooKeeper.
    Kafka,
}

/// Does it, and prints what a shell can take up.
///
/// # Errors
/// When a server or a consumer cannot be had, and when a server does not start or end.
#[expect(clippy::print_stdout, reason = "the output is for a shell's `eval`, and for people")]
pub fn run(root: &Path, action: Action) -> Result<()> {
    match action {
        Action::Install { server } => {
            if server != Some(Server::Kafka) {
                println!("{}", nats_server(&provision::nats_server()?)?);
                install_consumers(root, "nats")?;
            }
            if server != Some(Server::Nats) {
                println!("{}", kafka(&provision::kafka()?)?);
                install_consumers(root, "kafka")?;
            }
        }
        Action::Up {
            server: Server::Nats,
            cluster,
        } => {
            let url = brokers::up_nats(cluster.into()).context("no nats-server was started")?;
            println!("export NATS_URL={url}");
        }
        Action::Up {
            server: Server::Kafka,
            cluster,
        } => {
            let kafka = brokers::up_kafka(cluster.into()).context("no Kafka was started")?;
            println!("{kafka}");
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
            match provision::installed_nats_server()? {
                Some(program) => println!("{}", nats_server(&program)?),
                None => println!("nats-server is not installed: `cargo xtask brokers install` does it"),
            }
            match provision::installed_kafka()? {
                Some(home) => println!("{}", kafka(&home)?),
                None => println!("Kafka is not installed: `cargo xtask brokers install` does it"),
            }
        }
    }
    Ok(())
}

/// The packages whose tests need a broker: the harness, and those that use it.
///
/// # Errors
/// When cargo cannot read the workspace.
pub fn packages(root: &Path) -> Result<Vec<String>> {
    let metadata = MetadataCommand::new().current_dir(root).no_deps().exec()?;
    let uses_harness = |package: &&cargo_metadata::Package| {
        let mut dependencies = package.dependencies.iter();
        package.name.as_str() == HARNESS || dependencies.any(|dependency| dependency.name == HARNESS)
    };
    let packages = metadata.packages.iter().filter(uses_harness);
    Ok(packages.map(|package| package.name.to_string()).collect())
}

/// Says, so that it is not missed, what `--no-brokers` leaves out.
///
/// # Errors
/// When cargo cannot read the workspace.
pub fn warn_of_what_is_left_out(root: &Path) -> Result<()> {
    eprintln!("\n!!! NOT TESTED, because of --no-brokers:");
    for package in packages(root)? {
        eprintln!("!!!   all tests of {package}");
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "says what was installed")]
fn install_consumers(root: &Path, server: &str) -> Result<()> {
    let consumers = root.join(CONSUMERS);
    interop::python(&consumers.join(format!("python/{server}-requirements.txt")))?;
    println!("consumer in Python, {CONSUMERS}/python/{server}_consumer.py");
    let program = interop::go_program(&consumers.join("go").join(server))?;
    println!("consumer in Go, {}", program.display());
    Ok(())
}

fn kafka(home: &Path) -> Result<String> {
    Ok(format!("Kafka {}, {}", provision::kafka_version(home)?, home.display()))
}

fn nats_server(program: &Path) -> Result<String> {
    let version = provision::nats_server_version(program)?;
    Ok(format!("nats-server {version}, {}", program.display()))
}

#[cfg(test)]
mod tests {
    use crate::workspace;

    #[test]
    fn the_packages_that_need_a_broker_are_those_that_use_the_harness() {
        let packages = super::packages(&workspace::root()).unwrap();
        let needs = |name: &str| packages.iter().any(|package| package == name);
        assert!(needs("driver-events-harness") && needs("xtask"), "{packages:?}");
        assert!(!needs("driver-events-types"), "{packages:?}");
    }
}

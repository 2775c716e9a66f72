//! What the project runs on itself. `cargo xtask help` lists the commands.

use std::process::ExitCode;

use anyhow::Result;
use clap::{ArgGroup, Parser, Subcommand};
use xtask::bench::{self, Bench};
use xtask::faults::{self, Faults};
use xtask::{brokers, catalogue, deps, rust_steps, rust_version, steps, subjects, vendor, workspace};

/// What the project runs on itself: tests, gates, faults, benchmarks and the event catalogue.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Every test and every gate: fmt, subjects, deps, catalogue, clippy, features, doc, vendor, brokers install, tests.
    Test(WithoutBrokers),
    /// What `test` runs, then rust-version.
    Ci,
    /// The code is formatted.
    Fmt,
    /// No lint warns.
    Clippy,
    /// The command-line tool builds with each of its features alone and with none, and then says what it lacks.
    Features,
    /// The documentation builds without a warning.
    Doc,
    /// All tests, and the types crate's once more with serde_json's other features.
    Tests(WithoutBrokers),
    /// The workspace builds with its stated rust-version.
    RustVersion,
    /// The gate on the names of kinds, subjects and topics, which never change.
    #[command(group = ArgGroup::new("mode").required(true).args(["check", "bless"]))]
    Subjects {
        /// Fail when a name is ill-formed, collides, differs from its list, or was ever another.
        #[arg(long)]
        check: bool,
        /// Add the new names of the code to the lists. Only adds.
        #[arg(long)]
        bless: bool,
        /// Keep the promises of this revision's lists too, besides those of the first-parent history of HEAD.
        #[arg(long, value_name = "REV")]
        base: Option<String>,
    },
    /// Dependencies point where the architecture says, and the types crate's stay few.
    Deps,
    /// The types crate's folder, copied alone into a foreign place, passes its tests.
    Vendor,
    /// Write the event catalogue, docs/events.md, from the code.
    Catalogue {
        /// Write nothing, and fail when the file is not what the code says.
        #[arg(long)]
        check: bool,
    },
    /// Run a benchmark, optimised.
    Bench {
        /// Which.
        bench: Bench,
    },
    /// Send events over real servers and links, break those, and tell what became of the events, optimised.
    Faults(Faults),
    /// Real servers, for tests and to try something out with.
    Brokers {
        /// What to do with them.
        #[command(subcommand)]
        action: brokers::Action,
    },
}

#[derive(clap::Args)]
struct WithoutBrokers {
    /// Leave out every package whose tests need a broker, and say which.
    #[arg(long)]
    no_brokers: bool,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let root = workspace::root();
    match command {
        Command::Test(WithoutBrokers { no_brokers: true }) => steps::test_without_brokers(&root),
        Command::Test(_) => steps::test(&root),
        Command::Ci => steps::ci(&root),
        Command::Fmt => rust_steps::fmt(&root),
        Command::Clippy => rust_steps::clippy(&root),
        Command::Features => rust_steps::features(&root),
        Command::Doc => rust_steps::doc(&root),
        Command::Tests(WithoutBrokers { no_brokers: true }) => rust_steps::tests_without_brokers(&root),
        Command::Tests(_) => rust_steps::tests(&root),
        Command::RustVersion => rust_version::check(&root),
        Command::Subjects { bless: true, base, .. } => subjects::bless_workspace(&root, base.as_deref()),
        Command::Subjects { base, .. } => subjects::check_workspace(&root, base.as_deref()),
        Command::Deps => deps::check(&root),
        Command::Vendor => vendor::check(&root),
        Command::Catalogue { check: true } => catalogue::check(&root),
        Command::Catalogue { check: false } => catalogue::write(&root),
        Command::Bench { bench } => bench::run(&root, bench),
        Command::Faults(faults) => faults::run(&root, &faults),
        Command::Brokers { action } => brokers::run(&root, action),
    }
}

/// Every cause on a line of its own, without the backtrace that `RUST_BACKTRACE` would add: what fails here is a gate,
/// not this program.
#[expect(clippy::print_stderr, reason = "a command line tells its user what went wrong")]
fn report(error: &anyhow::Error) {
    eprintln!("\nerror: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because {cause}");
    }
}

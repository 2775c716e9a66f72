//! The project's own commands. `cargo xtask help` lists them.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::{ArgGroup, Args, Parser, Subcommand};
use xtask::bench;
use xtask::contract::{self, List};
use xtask::faults::{self, Faults};
use xtask::output::progress;
use xtask::selection::{Selection, Workspace};
use xtask::{
    api, brokers, cargo_steps, catalogue, circles, deny, deps, prerequisites, release, rust_version, schema, steps,
    vendor, wasm, workspace,
};

/// Tests, gates, fault injection, benchmarks and the event catalogue of this project
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every gate and every test: prerequisites, fmt, contract, deps, circles, schema, catalogue, deny, clippy, features,
    /// doc, vendor, wasm, package, bench instructions, brokers install, tests
    Test(Selection),
    /// Run `test`, then rust-version
    Ci,
    /// List every tool that is missing on this machine
    Prerequisites(Selection),
    /// Check the formatting
    Fmt,
    /// Run clippy, and fail on any warning
    Clippy(Selection),
    /// Check the command-line tool with each transport alone and with none
    Features(Selection),
    /// Build the documentation, and fail on any warning
    Doc(Selection),
    /// Run all tests, those of the types crate also with serde_json's other features
    Tests(Selection),
    /// Build the workspace with its rust-version
    RustVersion,
    /// Check the contract, which only grows: names, fields, their forms and values, and the bytes of events
    Contract(Gate),
    /// Check the names of kinds, subjects and topics, which never change: a part of `contract`
    Subjects(Gate),
    /// Check what `deny` cannot: features of the tool, dev-dependencies, few dependencies of the types crate
    Deps,
    /// Check that no library crate has a cyclic import between its files, or an import through its lib.rs
    Circles,
    /// Check licences, sources, advisories and the layers of the architecture with cargo-deny, installed if it is missing
    Deny,
    /// Test a copy of the types crate's folder outside the workspace
    Vendor,
    /// Build the types crate for WebAssembly and run its tests under Node
    Wasm,
    /// Check that each published crate builds from its own package, and the rules of versions, packages and public APIs
    Package(Selection),
    /// Write the public API of each library crate, docs/api
    Api {
        /// Write nothing; fail if a list is out of date
        #[arg(long)]
        check: bool,
    },
    /// Check all that a release must pass, and print its crates, its part of the changelog and the commands that publish
    Release {
        /// Publish nothing. Required: publishing is done by hand
        #[arg(long)]
        dry_run: bool,
    },
    /// Write the event catalogue, docs/events.md
    Catalogue {
        /// Write nothing; fail if the file is out of date
        #[arg(long)]
        check: bool,
    },
    /// Write the JSON Schemas, the AsyncAPI document and their index, crates/driver-events-types/schema
    Schema {
        /// Write nothing; fail if a file is out of date
        #[arg(long)]
        check: bool,
    },
    /// Run a benchmark, optimised
    Bench(bench::Options),
    /// Inject faults into real servers and links under load, and report the fate of every event, optimised
    Faults(Faults),
    /// Install, start and stop real servers
    Brokers {
        #[command(subcommand)]
        action: brokers::Action,
    },
}

#[derive(Args)]
#[command(group = ArgGroup::new("mode").required(true).args(["check", "bless"]))]
struct Gate {
    /// Fail on a change or removal, now or in a commit since the beginning, and on an addition that is not in its list
    #[arg(long)]
    check: bool,
    /// Add what is new to the lists and to the changelog; never changes or removes a line
    #[arg(long)]
    bless: bool,
    /// Compare with this revision, too, besides the last release and the first-parent history of HEAD
    #[arg(long, value_name = "REV")]
    base: Option<String>,
}

impl Gate {
    fn run(&self, root: &Path, lists: &[List]) -> Result<()> {
        let base = self.base.as_deref();
        if self.bless {
            contract::bless_workspace(root, lists, base)
        } else {
            contract::check_workspace(root, lists, base)
        }
    }
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
        Command::Test(selection) => steps::test(&root, &selection),
        Command::Ci => steps::ci(&root),
        Command::Prerequisites(selection) => prerequisites::check(&selection),
        Command::Fmt => cargo_steps::fmt(&root),
        Command::Clippy(selection) => cargo_steps::clippy(&root, &selection),
        Command::Features(selection) => cargo_steps::features(&root, &selection),
        Command::Doc(selection) => cargo_steps::doc(&root, &selection),
        Command::Tests(selection) => {
            prerequisites::check(&selection)?;
            cargo_steps::tests(&root, &selection)?;
            selection.warn(&Workspace::read(&root)?);
            Ok(())
        }
        Command::RustVersion => rust_version::check(&root),
        Command::Contract(gate) => gate.run(&root, &List::ALL),
        Command::Subjects(gate) => gate.run(&root, &List::NAMES),
        Command::Deps => deps::check(&root),
        Command::Circles => circles::check(&root),
        Command::Deny => deny::check(&root, &mut Vec::new()),
        Command::Vendor => vendor::check(&root),
        Command::Wasm => wasm::check(&root, &mut Vec::new()),
        Command::Package(selection) => release::check_packages(&root, &selection, &mut Vec::new()),
        Command::Api { check: true } => api::check(&root, &mut Vec::new()),
        Command::Api { check: false } => api::write(&root),
        Command::Release { dry_run } => release::run(&root, dry_run),
        Command::Catalogue { check: true } => catalogue::check(&root),
        Command::Catalogue { check: false } => catalogue::write(&root),
        Command::Schema { check: true } => schema::check(&root),
        Command::Schema { check: false } => schema::write(&root),
        Command::Bench(options) => bench::run(&root, &options),
        Command::Faults(faults) => faults::run(&root, &faults),
        Command::Brokers { action } => brokers::run(&root, action),
    }
}

/// Prints each cause on its own line, without the backtrace that `RUST_BACKTRACE` adds: a failing gate is not a bug of
/// this program.
fn report(error: &anyhow::Error) {
    progress(format_args!("\nerror: {error}"));
    for cause in error.chain().skip(1) {
        progress(format_args!("  caused by: {cause}"));
    }
}

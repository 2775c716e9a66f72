//! The `driver-events` command: publishes and reads the events of AI agents' driver loops.

mod arguments;

mod completions;
mod demo;
mod man;
mod publish;
mod schema;
#[cfg(feature = "spool")]
mod spool;
mod subjects;
mod tail;
mod validate;

mod connection;
mod file_id;
mod format;
mod help;
mod input;
mod open_error;
mod read_batch;
mod redacting_parser;
mod target;

mod exit;
mod output;
mod report;
mod runtime;
mod signals;
mod standard_streams;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::arguments::{Arguments, Command};

fn main() -> ExitCode {
    let exit = match Arguments::parse().command {
        Command::Publish(arguments) => runtime::run(|shutdown| publish::run(arguments, shutdown)),
        Command::Tail(arguments) => runtime::run(|shutdown| tail::run(arguments, shutdown)),
        Command::Validate(arguments) => runtime::run(|shutdown| validate::run(arguments, shutdown)),
        Command::Demo(arguments) => runtime::run(|shutdown| demo::run(arguments, shutdown)),
        #[cfg(feature = "spool")]
        Command::Spool(arguments) => spool::run(arguments),
        Command::Subjects(arguments) => subjects::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments, Arguments::command()),
        Command::Man(arguments) => man::run(&arguments, Arguments::command()),
    };
    exit.into()
}

//! The `driver-events` command: publishes and reads the events of AI agents' driver loops.

#![cfg_attr(
    not(all(feature = "nats", feature = "kafka")),
    allow(
        dead_code,
        reason = "some items are used only by transports that are not compiled in"
    )
)]

mod arguments;

mod completions;
mod demo;
mod man;
mod publish;
mod subjects;
mod tail;

mod file_id;
mod format;
mod input;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "nats")]
mod nats;
mod open_error;
mod read_batch;
mod remote;
mod start_position;
mod target;
mod url;
mod url_parser;

mod exit;
mod output;
mod report;
mod runtime;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};

fn main() -> ExitCode {
    let exit = match Arguments::parse().command {
        Command::Publish(arguments) => runtime::run(|shutdown| publish::run(arguments, shutdown)),
        Command::Tail(arguments) => runtime::run(|shutdown| tail::run(arguments, shutdown)),
        Command::Demo(arguments) => runtime::run(|shutdown| demo::run(arguments, shutdown)),
        Command::Subjects(arguments) => subjects::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    };
    exit.into()
}

//! The `driver-events` command: events of AI agents' driver loops, published and read in a shell.

#![cfg_attr(
    not(all(feature = "nats", feature = "kafka")),
    allow(dead_code, reason = "some of it is for servers that this build does not know")
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
mod intake;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "nats")]
mod nats;
mod open_error;
mod remote;
mod start;
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
        Command::Publish(arguments) => runtime::run(|stop| publish::run(arguments, stop)),
        Command::Tail(arguments) => runtime::run(|stop| tail::run(arguments, stop)),
        Command::Demo(arguments) => runtime::run(|stop| demo::run(arguments, stop)),
        Command::Subjects(arguments) => subjects::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    };
    exit.into()
}

//! `driver-events man`: the manual pages.

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::output;
use crate::report::{Report, with_causes};

const AFTER_HELP: &str = "\
Examples:
  driver-events man | man -l -
  driver-events man publish > /usr/local/share/man/man1/driver-events-publish.1";

/// Print a manual page
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ManArguments {
    /// The command that the page is about; without it the page is about all of them in short
    command: Option<String>,
}

pub(crate) fn run(arguments: &ManArguments) -> Exit {
    let mut command = Arguments::command();
    // Names the subcommands `driver-events-publish` and so on.
    command.build();
    if let Some(name) = &arguments.command {
        let Some(subcommand) = command.find_subcommand(name) else {
            Report::new().error(format_args!("there is no command `{name}`"));
            return Exit::Usage;
        };
        command = subcommand.clone();
    }
    let mut page = Vec::new();
    let man = Man::new(command).source(concat!("driver-events ", env!("CARGO_PKG_VERSION")));
    match man.render(&mut page) {
        Ok(()) => output::print(&page),
        Err(error) => {
            Report::new().error(format_args!("cannot make the page: {}", with_causes(&error)));
            Exit::Failure
        }
    }
}

//! `driver-events man`: manual pages.

use std::io;

use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

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
    /// Command to document; without it, print the page of `driver-events` itself
    command: Option<String>,
}

/// `command` is the whole command line.
pub(crate) fn run(arguments: &ManArguments, mut command: Command) -> Exit {
    // Names the subcommands `driver-events-publish` and so on.
    command.build();
    if let Some(name) = &arguments.command {
        let Some(subcommand) = command.find_subcommand(name) else {
            Report::new().error(format_args!("unknown command `{name}`"));
            return Exit::Usage;
        };
        command = subcommand.clone();
    }
    let mut page = Vec::new();
    match write_page(command, &mut page) {
        Ok(()) => output::print(&page),
        Err(error) => {
            Report::new().error(format_args!("cannot generate the manual page: {}", with_causes(&error)));
            Exit::Failure
        }
    }
}

/// Writes clap's page and turns the help's epilogue into sections: an unindented line that ends with a colon is a
/// heading.
fn write_page(command: Command, page: &mut Vec<u8>) -> io::Result<()> {
    let after_help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let man = Man::new(command.after_help(None::<&str>)).source(concat!("driver-events ", env!("CARGO_PKG_VERSION")));
    man.render(page)?;
    let mut sections = Roff::new();
    let mut is_in_paragraph = false;
    for line in after_help.lines().filter(|line| !line.is_empty()) {
        let is_indented = line.starts_with(' ');
        if let Some(heading) = line.strip_suffix(':').filter(|_| !is_indented) {
            // No filling: most lines are tables and examples.
            sections
                .control("SH", [heading.to_uppercase().as_str()])
                .control("nf", []);
        } else {
            if !is_indented && !is_in_paragraph {
                sections.control("fi", []).control("PP", []);
            }
            sections.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
        is_in_paragraph = !is_indented;
    }
    sections.to_writer(page)
}

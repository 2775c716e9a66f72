use std::sync::LazyLock;

use clap::{Parser, Subcommand};

use crate::completions::CompletionsArguments;
use crate::demo::DemoArguments;
use crate::man::ManArguments;
use crate::publish::PublishArguments;
use crate::remote;
use crate::subjects::SubjectsArguments;
use crate::tail::TailArguments;

const AFTER_HELP: &str = "\
Exit codes:
  0    all was delivered, or shown
  1    something was malformed, rejected or not delivered
  2    wrong usage
  130  publish and demo: stopped by SIGINT (Ctrl-C)
  143  publish and demo: stopped by SIGTERM

Examples:
  driver-events demo
  driver-events publish run.ndjson --to 'stdout:?format=pretty'
  my-agent | driver-events publish --to stdout: --to file:events.ndjson
  driver-events tail --from file:events.ndjson --follow --kind escalate
  driver-events completions bash \\
    > ~/.local/share/bash-completion/completions/driver-events
  driver-events man publish | man -l -

`driver-events help COMMAND` has the details of each.";

/// Publishes and reads the events of AI agents' driver loops.
///
/// An event is one line of JSON. Standard output carries events and nothing else; everything that is told about them
/// goes to standard error.
#[derive(Debug, Parser)]
#[command(name = "driver-events", version, long_version = long_version(), after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Publish(PublishArguments),
    Tail(TailArguments),
    Demo(DemoArguments),
    Subjects(SubjectsArguments),
    Completions(CompletionsArguments),
    Man(ManArguments),
}

/// What the command knows depends on how it was built.
fn long_version() -> &'static str {
    static TEXT: LazyLock<String> =
        LazyLock::new(|| format!("{}\nbuilt with: {}", env!("CARGO_PKG_VERSION"), remote::features()));
    &TEXT
}

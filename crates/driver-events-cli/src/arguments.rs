use std::sync::LazyLock;

use clap::{Arg, Parser, Subcommand};

use crate::completions::CompletionsArguments;
use crate::demo::DemoArguments;
use crate::man::ManArguments;
use crate::publish::PublishArguments;
use crate::remote;
use crate::subjects::SubjectsArguments;
use crate::tail::TailArguments;

const AFTER_HELP: &str = "\
Exit codes:
  0    success
  1    an event was malformed, rejected or not delivered
  2    usage error
  130  publish, demo: interrupted by SIGINT (Ctrl-C)
  143  publish, demo: terminated by SIGTERM

Examples:
  driver-events demo
  driver-events publish run.ndjson --to 'stdout:?format=pretty'
  my-agent | driver-events publish --to stdout: --to file:events.ndjson
  driver-events tail --from file:events.ndjson --follow --kind escalate
  driver-events completions bash \\
    > ~/.local/share/bash-completion/completions/driver-events
  driver-events man publish | man -l -

See `driver-events help COMMAND` for more information on a command.";

/// Publish and read the events of AI agents' driver loops
///
/// An event is one line of JSON. Events are printed on standard output, everything else on standard error.
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

/// Version with the transports that were compiled in.
fn long_version() -> &'static str {
    static LONG_VERSION: LazyLock<String> =
        LazyLock::new(|| format!("{}\nbuilt with: {}", env!("CARGO_PKG_VERSION"), remote::features()));
    &LONG_VERSION
}

/// Lays out `[env: NAME]` and `[default: VALUE]` at the end of a help text as clap lays out its own: inline in `-h`, in
/// lines of their own in `--help`. Clap's own `env` would read the variable although nothing needs it.
pub(crate) fn separate_hints(argument: Arg) -> Arg {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let start = [" [env: ", " [default: "]
        .iter()
        .filter_map(|hint| help.find(hint))
        .min();
    match start.and_then(|start| help.split_at_checked(start)) {
        Some((text, hints)) => {
            let hints = hints.trim_start().replace("] [", "]\n[");
            argument.long_help(format!("{text}\n\n{hints}"))
        }
        None => argument,
    }
}

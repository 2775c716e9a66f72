//! `driver-events spool`: looks into the file of a spool, and settles what an operator must settle.

mod drain;
mod file;
mod letters;
mod list;
mod show;
mod stats;
mod text;

use clap::{Args, Subcommand};

use self::drain::DrainArguments;
use self::letters::LettersArguments;
use self::list::ListArguments;
use self::show::ShowArguments;
use self::stats::StatsArguments;
use crate::exit::Exit;
use crate::runtime;

const AFTER_HELP: &str = "\
PATH is the file of a spool, as in `--to 'spool:PATH?to=URL'`. All commands but
`drain` work while the owner of the spool runs. `drain` becomes the owner, and
is refused with the owner's process id if there is one.

Exit codes:
  0    done
  1    the file cannot be read or written, nothing was found, or an event was
       not delivered
  2    usage error
  130  drain: interrupted by SIGINT (Ctrl-C)
  143  drain: terminated by SIGTERM

Examples:
  driver-events spool stats /var/lib/agent/events.db
  driver-events spool ls /var/lib/agent/events.db --dead
  driver-events spool retry /var/lib/agent/events.db --all
  driver-events spool drain /var/lib/agent/events.db \\
    --to jetstream://127.0.0.1:4222/DRIVER
  driver-events tail --from spool:/var/lib/agent/events.db --follow";

/// Look into the file of a spool, deliver it, and settle dead letters
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct SpoolArguments {
    #[command(subcommand)]
    command: SpoolCommand,
}

#[derive(Debug, Subcommand)]
enum SpoolCommand {
    Ls(ListArguments),
    Show(ShowArguments),
    Stats(StatsArguments),
    Drain(Box<DrainArguments>),
    /// Put dead letters back into the spool, each for the target that refused it
    Retry(LettersArguments),
    /// Remove dead letters for good
    Drop(LettersArguments),
}

pub(crate) fn run(arguments: SpoolArguments) -> Exit {
    match arguments.command {
        SpoolCommand::Ls(arguments) => list::run(&arguments),
        SpoolCommand::Show(arguments) => show::run(&arguments),
        SpoolCommand::Stats(arguments) => stats::run(&arguments),
        SpoolCommand::Drain(arguments) => runtime::run(|shutdown| drain::run(*arguments, shutdown)),
        SpoolCommand::Retry(arguments) => letters::retry(&arguments),
        SpoolCommand::Drop(arguments) => letters::drop(&arguments),
    }
}

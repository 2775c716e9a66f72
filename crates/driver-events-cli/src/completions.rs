//! `driver-events completions`: what a shell needs to complete the command line.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::output;

const AFTER_HELP: &str = "\
Examples:
  driver-events completions bash \\
    > ~/.local/share/bash-completion/completions/driver-events
  driver-events completions fish > ~/.config/fish/completions/driver-events.fish
  driver-events completions zsh > \"${fpath[1]}/_driver-events\"";

/// Print a script that makes a shell complete the command line
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &CompletionsArguments) -> Exit {
    let mut command = Arguments::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    output::print(&script)
}

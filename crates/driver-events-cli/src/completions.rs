//! `driver-events completions`: shell completion scripts.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit::Exit;
use crate::output;

const AFTER_HELP: &str = "\
Examples:
  driver-events completions bash \\
    > ~/.local/share/bash-completion/completions/driver-events
  driver-events completions fish > ~/.config/fish/completions/driver-events.fish
  driver-events completions zsh > \"${fpath[1]}/_driver-events\"";

/// Generate a shell completion script
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CompletionsArguments {
    /// Shell to generate the script for
    shell: Shell,
}

/// `command` is the whole command line.
pub(crate) fn run(arguments: &CompletionsArguments, mut command: Command) -> Exit {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    output::print(&script)
}

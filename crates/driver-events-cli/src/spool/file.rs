use std::path::PathBuf;

use clap::{Args, ValueHint};
use driver_events::SetupError;
use driver_events::spool::SpoolFile;

use crate::exit::Exit;
use crate::report::{Report, with_causes};

/// The file that every command has as its first argument.
#[derive(Debug, Args)]
pub(super) struct FileArgument {
    /// File of the spool
    #[arg(value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(super) path: PathBuf,
}

impl FileArgument {
    /// Opens the file and runs a command that reads it or settles dead letters.
    pub(super) fn open(&self, command: impl FnOnce(&mut SpoolFile) -> Result<Exit, SetupError>) -> Exit {
        let result = SpoolFile::open(&self.path).and_then(|mut file| command(&mut file));
        result.unwrap_or_else(|error| {
            Report::new().error(format_args!("{}: {}", self.path.display(), with_causes(&error)));
            Exit::Failure
        })
    }
}

use clap::Args;
use driver_events::SetupError;
use driver_events::spool::SpoolFile;

use super::file::FileArgument;
use crate::exit::Exit;
use crate::report::{Report, count};

/// Number of dead letters that are read at a time.
const PAGE: usize = 1_024;

/// Dead letters to settle.
#[derive(Debug, Args)]
pub(super) struct LettersArguments {
    #[command(flatten)]
    file: FileArgument,

    /// Numbers of dead letters, as `ls --dead` prints them
    #[arg(value_name = "NUMBER", required_unless_present = "all", conflicts_with = "all")]
    numbers: Vec<u64>,

    /// All dead letters
    #[arg(long)]
    all: bool,
}

pub(super) fn retry(arguments: &LettersArguments) -> Exit {
    settle(arguments, "will be delivered again", SpoolFile::retry)
}

pub(super) fn drop(arguments: &LettersArguments) -> Exit {
    settle(arguments, "dropped", SpoolFile::drop_dead_letters)
}

/// Settles the dead letters, and reports how many there were.
fn settle(
    arguments: &LettersArguments,
    outcome: &str,
    settle: impl Fn(&mut SpoolFile, &[u64]) -> Result<u64, SetupError>,
) -> Exit {
    arguments.file.open(|file| {
        let numbers = if arguments.all {
            all(file)?
        } else {
            arguments.numbers.clone()
        };
        let settled = settle(file, &numbers)?;
        let report = Report::new();
        report.line(format_args!("{} {outcome}", count(settled, "dead letter")));
        let missing = (numbers.len() as u64).saturating_sub(settled);
        if missing > 0 {
            report.error(format_args!("{} not found", count(missing, "number")));
        }
        Ok(Exit::failure_if(missing > 0))
    })
}

fn all(file: &SpoolFile) -> Result<Vec<u64>, SetupError> {
    let mut numbers = Vec::new();
    loop {
        let page = file.dead_letters(numbers.last().copied().unwrap_or(0), PAGE)?;
        if page.is_empty() {
            return Ok(numbers);
        }
        numbers.extend(page.iter().map(|letter| letter.number));
    }
}

use clap::Args;
use driver_events::SetupError;
use driver_events::spool::SpoolFile;

use super::file::FileArgument;
use super::text;
use crate::exit::Exit;
use crate::output;

/// Number of rows that are read at a time.
const PAGE: usize = 1_024;

/// List the events that are not delivered to every target, or dead letters
///
/// Columns of events: position, time of spooling, kind, goal, id, targets that lack it. Columns of dead letters: number, time,
/// kind, goal, id, target, kind of the error, reason. They are separated by tabs.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    file: FileArgument,

    /// List dead letters
    #[arg(long)]
    dead: bool,

    /// List at most N rows
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    limit: usize,
}

pub(super) fn run(arguments: &ListArguments) -> Exit {
    arguments.file.open(|file| {
        let lines = if arguments.dead {
            dead_letters(file, arguments.limit)?
        } else {
            events(file, arguments.limit)?
        };
        Ok(output::print(lines.as_bytes()))
    })
}

fn events(file: &SpoolFile, limit: usize) -> Result<String, SetupError> {
    let (mut lines, mut count, mut position) = (String::new(), 0, 0);
    while count < limit {
        let page = file.events(position, PAGE)?;
        let Some(last) = page.last() else {
            break;
        };
        position = last.position;
        let missing = page.iter().filter(|event| !event.missing_at.is_empty());
        for kept in missing.take(limit - count) {
            let time = text::time(kept.spooled_at);
            let event = text::event(&kept.event);
            let targets = kept.missing_at.join(",");
            lines.push_str(&format!("{}\t{time}\t{event}\t{targets}\n", kept.position));
            count += 1;
        }
    }
    Ok(lines)
}

fn dead_letters(file: &SpoolFile, limit: usize) -> Result<String, SetupError> {
    let letters = file.dead_letters(0, limit)?;
    let lines = letters.iter().map(|letter| {
        let time = text::time(letter.died_at);
        let event = text::event(&letter.event);
        let (target, error, reason) = (&letter.target, &letter.error, &letter.reason);
        format!("{}\t{time}\t{event}\t{target}\t{error}\t{reason}\n", letter.number)
    });
    Ok(lines.collect())
}

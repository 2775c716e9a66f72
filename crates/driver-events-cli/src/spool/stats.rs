use std::time::{Duration, SystemTime};

use clap::Args;
use driver_events::spool::SpoolStats;
use serde_json::json;

use super::file::FileArgument;
use super::text;
use crate::exit::Exit;
use crate::output;

/// Print how much is in the file, and what each target lacks
#[derive(Debug, Args)]
pub(super) struct StatsArguments {
    #[command(flatten)]
    file: FileArgument,

    /// Print an object of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &StatsArguments) -> Exit {
    arguments.file.open(|file| {
        let stats = file.stats()?;
        let text = if arguments.json {
            json_text(&stats)
        } else {
            plain_text(&stats)
        };
        Ok(output::print(text.as_bytes()))
    })
}

fn plain_text(stats: &SpoolStats) -> String {
    let mut text = format!(
        "{} events, {} in use, {} dead letters\n",
        stats.events,
        text::bytes(stats.bytes),
        stats.dead_letters
    );
    for target in &stats.targets {
        let oldest = target.oldest.map(|oldest| {
            let age = Duration::from_secs(age(oldest).as_secs());
            format!(", the oldest for {}", humantime::format_duration(age))
        });
        text.push_str(&format!(
            "{}: {} to deliver{}, {} delivered, {} dead\n",
            target.name,
            target.depth,
            oldest.unwrap_or_default(),
            target.delivered,
            target.dead
        ));
    }
    text
}

fn json_text(stats: &SpoolStats) -> String {
    let targets = stats.targets.iter().map(|target| {
        json!({
            "name": target.name,
            "depth": target.depth,
            "oldest_age_seconds": target.oldest.map(|oldest| age(oldest).as_secs_f64()),
            "delivered": target.delivered,
            "dead": target.dead,
        })
    });
    let object = json!({
        "bytes": stats.bytes,
        "events": stats.events,
        "dead_letters": stats.dead_letters,
        "targets": targets.collect::<Vec<_>>(),
    });
    format!("{object:#}\n")
}

/// Returns the time since then, zero if the clock was set back.
fn age(then: SystemTime) -> Duration {
    then.elapsed().unwrap_or_default()
}

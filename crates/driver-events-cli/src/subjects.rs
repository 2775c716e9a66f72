//! `driver-events subjects`: subject and topic of each kind.

use clap::{Args, ValueEnum};
use driver_events::{DEFAULT_TOPIC, EventKind};
use serde_json::json;

use crate::exit::Exit;
use crate::output;

const AFTER_HELP: &str = "\
Subjects and topics are frozen: they never change and are never removed.

Examples:
  driver-events subjects | grep goal
  driver-events subjects --format json | jq -r '.[].subject'
  driver-events subjects --format json | jq -r '.[].topic_per_subject'";

/// List the subject of each event kind, in the contract's order
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct SubjectsArguments {
    /// Output format
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    format: ListFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ListFormat {
    /// One line per kind: kind, tab, subject
    Text,
    /// Array of objects with `kind`, `subject` and the Kafka topics `topic` and `topic_per_subject`
    Json,
}

pub(crate) fn run(arguments: &SubjectsArguments) -> Exit {
    let list = match arguments.format {
        ListFormat::Text => text(),
        ListFormat::Json => json(),
    };
    output::print(list.as_bytes())
}

fn text() -> String {
    let lines = EventKind::ALL
        .iter()
        .map(|kind| format!("{kind}\t{}\n", kind.subject()));
    lines.collect()
}

fn json() -> String {
    let list = EventKind::ALL.iter().map(|kind| {
        json!({
            "kind": kind.as_str(),
            "subject": kind.subject(),
            "topic": DEFAULT_TOPIC,
            "topic_per_subject": kind.topic(),
        })
    });
    format!("{:#}\n", serde_json::Value::from_iter(list))
}

use clap::Args;
use driver_events::spool::KeptEvent;

use super::file::FileArgument;
use super::text;
use crate::exit::Exit;
use crate::output;
use crate::report::Report;

/// Show an event: its attributes, the targets that lack it, and its JSON on the last line
#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    #[command(flatten)]
    file: FileArgument,

    /// Id of the event, as `ls` prints it
    #[arg(value_name = "ID")]
    id: String,
}

pub(super) fn run(arguments: &ShowArguments) -> Exit {
    arguments.file.open(|file| {
        let found = file.events_with_id(&arguments.id)?;
        if found.is_empty() {
            Report::new().error(format_args!("there is no event with the id `{}`", arguments.id));
            return Ok(Exit::Failure);
        }
        let mut text = Vec::new();
        for kept in &found {
            write(kept, &mut text);
        }
        Ok(output::print(&text))
    })
}

fn write(kept: &KeptEvent, out: &mut Vec<u8>) {
    let mut line = |name: &str, value: &str| out.extend_from_slice(format!("{name:12} {value}\n").as_bytes());
    line("position", &kept.position.to_string());
    line("spooled at", &text::time(kept.spooled_at));
    match kept.missing_at.as_slice() {
        [] => line("missing at", "no target"),
        names => line("missing at", &names.join(", ")),
    }
    let envelope = match &kept.event {
        Ok(envelope) => envelope,
        Err(reason) => return line("damaged", reason),
    };
    line("id", envelope.id().as_str());
    line("source", envelope.source());
    line("subject", envelope.subject().unwrap_or("-"));
    if let Some(time) = envelope.time() {
        line("time", &text::time(time.into()));
    }
    if let Some(stamp) = envelope.stamp() {
        line("run", &stamp.run);
        line("sequence", &stamp.sequence.to_string());
    }
    if let Some(traceparent) = envelope.traceparent() {
        line("traceparent", traceparent);
    }
    // The event was encoded when it was spooled.
    if envelope.write_line(out).is_ok() {
        out.push(b'\n');
    }
}

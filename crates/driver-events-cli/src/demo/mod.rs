//! `driver-events demo`: a realistic run, played to the terminal.

mod timing;

use std::io::{self, IsTerminal};

use clap::Args;
use driver_events_core::{DriverEventSource, Envelope, NdjsonSource, SinkError, SinkErrorKind};
use driver_events_stdout::Format;

use crate::exit::Exit;
use crate::report::{Report, with_causes};
use crate::signals::Stop;
use crate::target::stdout_sink;

/// Three goals, every kind of event at least once.
const RUN: &[u8] = include_bytes!("../../demo/goal-run.ndjson");

const SPEEDS: std::ops::RangeInclusive<f64> = 0.01..=1000.0;

const AFTER_HELP: &str = "\
The run took seven minutes; a second of the demo stands for up to half a
minute of it. Where standard output is no terminal all comes at once.

Examples:
  driver-events demo
  driver-events demo --speed 4";

/// Play a realistic run in the readable form
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DemoArguments {
    /// How many times as fast, from 0.01 to 1000
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = parse_speed)]
    speed: f64,
}

fn parse_speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().map_err(|_| "it is no number".to_owned())?;
    if SPEEDS.contains(&speed) {
        Ok(speed)
    } else {
        Err(format!("it is not between {} and {}", SPEEDS.start(), SPEEDS.end()))
    }
}

pub(crate) async fn run(arguments: DemoArguments, stop: Stop) -> Exit {
    let speed = io::stdout().is_terminal().then_some(arguments.speed);
    let report = Report::new();
    let played = tokio::select! {
        biased;
        signal = stop.requested() => return Exit::Stopped(signal),
        played = play(speed) => played,
    };
    match played {
        Ok(()) => {
            if io::stderr().is_terminal() {
                report.line(
                    "\
                    That was a run of three goals. Publish your own: `driver-events publish FILE --to stdout:`, \
                    and read it: `driver-events tail --from file:FILE`.",
                );
            }
            Exit::Success
        }
        Err(error) if error.kind() == SinkErrorKind::Closed => Exit::Success,
        Err(error) => {
            report.error(format_args!("cannot print: {}", with_causes(&error)));
            Exit::Failure
        }
    }
}

/// Prints the run, with pauses where there is a speed.
async fn play(speed: Option<f64>) -> Result<(), SinkError> {
    let sink = stdout_sink(Format::Pretty);
    let mut last_time = None;
    for envelope in timing::timed(read_run().await) {
        if let (Some(speed), Some(last_time), Some(time)) = (speed, last_time, envelope.time()) {
            tokio::time::sleep(timing::pause(last_time, time).div_f64(speed)).await;
        }
        last_time = envelope.time();
        sink.send(envelope).await?;
        if speed.is_some() {
            sink.flush().await?;
        }
    }
    sink.close().await
}

async fn read_run() -> Vec<Envelope> {
    let mut source = NdjsonSource::new("demo", RUN);
    let mut run = Vec::new();
    while let Some(Ok(delivery)) = source.next().await {
        run.extend(delivery.envelope().ok().cloned());
    }
    run
}

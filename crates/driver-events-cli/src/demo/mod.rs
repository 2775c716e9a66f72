//! `driver-events demo`: plays a sample run.

mod timing;

use std::io::{self, IsTerminal};

use clap::Args;
use driver_events::stdout::Format;
use driver_events::{DriverEventSource, Envelope, NdjsonSource, SinkError, SinkErrorKind};

use crate::exit::Exit;
use crate::report::{Report, with_causes};
use crate::signals::Shutdown;
use crate::standard_streams::check_stdout;
use crate::target::stdout_sink;

/// Sample run with three goals and at least one event of each kind.
const DEMO_RUN: &[u8] = include_bytes!("../../demo/goal-run.ndjson");

const SPEED_RANGE: std::ops::RangeInclusive<f64> = 0.01..=1000.0;

const AFTER_HELP: &str = "\
The run took seven minutes and is played about 30 times as fast. If standard
output is not a terminal, the events are printed without pauses.

Examples:
  driver-events demo
  driver-events demo --speed 4";

/// Play a sample run of three goals
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DemoArguments {
    /// Playback speed, from 0.01 to 1000
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = parse_speed)]
    speed: f64,
}

fn parse_speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().map_err(|_| "not a number".to_owned())?;
    if SPEED_RANGE.contains(&speed) {
        Ok(speed)
    } else {
        Err(format!(
            "must be between {} and {}",
            SPEED_RANGE.start(),
            SPEED_RANGE.end()
        ))
    }
}

pub(crate) async fn run(arguments: DemoArguments, shutdown: Shutdown) -> Exit {
    let speed = io::stdout().is_terminal().then_some(arguments.speed);
    let report = Report::new();
    if let Err(text) = check_stdout() {
        report.error(text);
        return Exit::Failure;
    }
    let played = tokio::select! {
        biased;
        signal = shutdown.requested() => return Exit::Stopped(signal),
        played = play(speed) => played,
    };
    match played {
        Ok(()) => {
            if io::stderr().is_terminal() {
                report.line(
                    "\
                    Publish a run of your own with `driver-events publish FILE --to stdout:` and read it with \
                    `driver-events tail --from file:FILE`.",
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

/// Prints the run, with pauses if a speed is given.
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
    let mut source = NdjsonSource::new("demo", DEMO_RUN);
    let mut run = Vec::new();
    while let Some(Ok(delivery)) = source.next().await {
        run.extend(delivery.envelope().ok().cloned());
    }
    run
}

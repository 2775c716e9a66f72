//! `driver-events validate`: the faults of the events in a file.

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueHint};
use driver_events::{Decoded, Delivery, DriverEvent, DriverEventSource, Envelope, Malformed, Position};

use crate::exit::Exit;
use crate::input::Input;
use crate::report::{Report, count, with_causes};
use crate::signals::Shutdown;
use crate::standard_streams::check_stdin;

const AFTER_HELP: &str = "\
Each line is a bare event or a CloudEvent in structured mode, and is read as
`publish` and every source read it. A malformed line is reported on standard
error as NAME:LINE:COLUMN: reason, and so is an event of a newer publisher, with
an unknown kind or value. Such an event is valid unless --strict is given.

Exit codes:
  0    all events are valid
  1    a line is malformed, or the file could not be read
  2    usage error
  130  interrupted by SIGINT
  143  terminated by SIGTERM

Examples:
  driver-events validate run.ndjson
  my-agent | driver-events validate --strict";

/// Check the events of a file or of standard input
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ValidateArguments {
    /// File to read, or `-` for standard input
    #[arg(value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath,
          value_parser = OsStringValueParser::new().map(Input::from_path))]
    input: Input,

    /// Count events with a kind or a value that this version does not know as malformed
    #[arg(long)]
    strict: bool,
}

pub(crate) async fn run(arguments: ValidateArguments, shutdown: Shutdown) -> Exit {
    let report = Report::new();
    if arguments.input.path().is_none()
        && let Err(text) = check_stdin()
    {
        report.error(text);
        return Exit::Failure;
    }
    let opened = tokio::select! {
        biased;
        signal = shutdown.requested() => return Exit::Stopped(signal),
        opened = arguments.input.open() => opened,
    };
    let mut source = match opened {
        Ok(source) => source,
        Err(error) => {
            report.error(&error);
            return error.exit;
        }
    };
    let mut findings = Findings::new(arguments.strict, report.clone());
    let exit = tokio::select! {
        biased;
        signal = shutdown.requested() => Exit::Stopped(signal),
        exit = findings.read_all(&mut *source) => exit,
    };
    report.line(findings.summary());
    exit
}

/// Reports each finding, and counts the lines.
struct Findings {
    is_strict: bool,
    report: Report,
    known: u64,
    unknown: u64,
    malformed: u64,
}

impl Findings {
    fn new(is_strict: bool, report: Report) -> Self {
        let (known, unknown, malformed) = (0, 0, 0);
        Self {
            is_strict,
            report,
            known,
            unknown,
            malformed,
        }
    }

    async fn read_all(&mut self, source: &mut dyn DriverEventSource) -> Exit {
        while let Some(next) = source.next().await {
            match next {
                Ok(delivery) => self.add(&delivery),
                Err(error) => {
                    self.report.error(with_causes(&error));
                    return Exit::Failure;
                }
            }
        }
        Exit::failure_if(self.malformed > 0 || self.is_strict && self.unknown > 0)
    }

    fn add(&mut self, delivery: &Delivery) {
        match delivery.envelope() {
            Ok(envelope) => match unknown_place(envelope, delivery) {
                Some(place) => {
                    self.unknown += 1;
                    self.report.line(place);
                }
                None => self.known += 1,
            },
            // The rest of a line that is longer than the limit.
            Err(malformed) if malformed.is_continuation() => {}
            Err(malformed) => {
                self.malformed += 1;
                self.report.line(malformed_place(malformed, delivery.position()));
            }
        }
    }

    /// Returns the numbers of valid, unknown and malformed events.
    fn summary(&self) -> String {
        let mut summary = format!("{} valid", count(self.known, "event"));
        if self.unknown > 0 {
            summary.push_str(&format!(", {} of a newer publisher", self.unknown));
        }
        if self.malformed > 0 {
            summary.push_str(&format!(", {} malformed", count(self.malformed, "line")));
        }
        summary
    }
}

fn malformed_place(malformed: &Malformed, position: &Position) -> String {
    format!("{position}:{}: {}", malformed.column(), malformed.reason())
}

/// Returns the place of the unknown kind or value and its name, or `None` if the event is of this version.
fn unknown_place(envelope: &Envelope, delivery: &Delivery) -> Option<String> {
    let Decoded::Unknown { raw, .. } = envelope.decoded() else {
        return None;
    };
    let error = DriverEvent::from_json(raw).err()?;
    // A CloudEvent has the event somewhere in its line.
    let line = delivery.raw().map_or(&[][..], |line| line);
    let start = line.windows(raw.len().max(1)).position(|part| part == raw);
    let column = start.unwrap_or_default() + error.column();
    Some(format!("{}:{column}: {}", delivery.position(), error.reason()))
}

//! `driver-events tail`: events in, as a person or a program reads them.

mod follow;
mod printer;

use std::io::{self, IsTerminal};

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueHint};
use driver_events_core::{DriverEventSource, EventFilter};
use driver_events_stdout::Format;
use driver_events_types::{EventKind, GoalId};

use self::follow::FollowedFile;
use self::printer::Printer;
use crate::exit::Exit;
use crate::file_id::FileId;
use crate::format::FormatArgument;
use crate::input::Input;
use crate::report::{Report, with_causes};
use crate::signals::Stop;

const AFTER_HELP: &str = "\
Sources:
  -          standard input
  file:PATH  a file. In PATH, `?` and `%` are written %3F and %25;
             file:///PATH is understood too.

Told on standard error:
  Lines that are no events, as NAME:LINE:COLUMN: reason. Duplicates, and
  gaps in the numbers that a publisher gave its events; gaps only where
  nothing is filtered. A followed file that was cut short or replaced.

Exit codes:
  0  all was shown; also after SIGINT (Ctrl-C), SIGTERM, and when the
     reader of standard output went away
  1  something was malformed or could not be read or shown
  2  wrong usage

Examples:
  driver-events tail --from file:events.ndjson
  driver-events tail --from file:events.ndjson --kind decision --kind escalate
  driver-events tail --from file:events.ndjson --follow --format pretty
  my-agent | driver-events tail --from - --format pretty
  driver-events tail --from - --goal 6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01";

/// Read events and print those that are asked for
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct TailArguments {
    /// Where to read from
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url,
          value_parser = OsStringValueParser::new().try_map(Input::from_url))]
    from: Input,

    /// Print only events of this goal; may be given more than once
    #[arg(long = "goal", value_name = "ID")]
    goals: Vec<GoalId>,

    /// Print only events of this kind; may be given more than once. Kinds of a newer version are taken too
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,

    /// How events are printed; `pretty` on a terminal, else `json`
    #[arg(long, value_enum)]
    format: Option<FormatArgument>,

    /// End after this many events were printed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// At the end of a file wait for more; what has no line end yet is not read
    #[arg(long)]
    follow: bool,
}

pub(crate) async fn run(arguments: TailArguments, stop: Stop) -> Exit {
    let report = Report::new();
    if arguments
        .from
        .file_id()
        .is_some_and(|id| Some(id) == FileId::of_stdout())
    {
        report.error(arguments.from.read_and_written());
        return Exit::Usage;
    }
    for kind in &arguments.kinds {
        if kind.parse::<EventKind>().is_err() {
            report.warning(format_args!(
                "this version knows no kind `{kind}`; events of it are printed all the same"
            ));
        }
    }
    let default_format = if io::stdout().is_terminal() {
        Format::Pretty
    } else {
        Format::Json
    };
    let format = arguments.format.map_or(default_format, Format::from);
    let filter = EventFilter::everything()
        .kinds_named(arguments.kinds)
        .goals(arguments.goals);
    let mut printer = Printer::new(format, filter, arguments.count, report.clone());
    let exit = tokio::select! {
        biased;
        _ = stop.requested() => Exit::Success,
        exit = read(&arguments.from, arguments.follow, &mut printer, &report) => exit,
    };
    printer.close().await;
    exit
}

async fn read(from: &Input, follow: bool, printer: &mut Printer, report: &Report) -> Exit {
    let opened: io::Result<Box<dyn DriverEventSource>> = match from {
        Input::File(path) if follow => match FollowedFile::open(path.clone(), report.clone()).await {
            Ok(source) => Ok(Box::new(source)),
            Err(error) => Err(error),
        },
        _ => match from.open().await {
            Ok(source) => Ok(Box::new(source)),
            Err(error) => Err(error),
        },
    };
    match opened {
        Ok(mut source) => printer.print_all(&mut *source).await,
        Err(error) => {
            report.error(format_args!("cannot open {}: {}", from.name(), with_causes(&error)));
            Exit::Failure
        }
    }
}

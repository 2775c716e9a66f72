//! `driver-events tail`: prints the events of a source.

mod follow;
mod printer;
mod source;

use std::io::{self, IsTerminal};

use clap::{Args, ValueHint};
use driver_events::stdout::Format;
use driver_events::{EventKind, GoalId, SourceUrl, StartPosition};

use self::printer::Printer;
use crate::connection::ConnectionArguments;
use crate::exit::Exit;
use crate::format::FormatArgument;
use crate::help::separate_hints;
use crate::redacting_parser::RedactingParser;
use crate::report::Report;
use crate::signals::Shutdown;
use crate::standard_streams::check_stdout;

const AFTER_HELP: &str = "\
Sources:
  -          standard input
  file:PATH  a file. Write `?` and `%` in PATH as %3F and %25. file:///PATH
             also works.
  nats://HOST:PORT
             core NATS: events published from now on
  jetstream://HOST:PORT/STREAM
             a JetStream stream: stored events, then new ones
  Both accept several hosts or URLs, separated by commas, credentials
  (USER:PASSWORD@ or TOKEN@) before the first host or before each, and
  `?prefix=TENANT&tls&inbox=PREFIX`. A stream also accepts `domain=NAME`.
  tls://HOST:PORT is nats://HOST:PORT?tls.
  kafka://HOST:PORT/TOPIC
             a Kafka topic (default: agent.driver): stored events, then new
             ones
  Accepts several brokers, separated by commas, and `?prefix=TENANT&tls`.
  `per-subject` reads one topic per subject.
  spool:PATH the file of a spool: events that are not delivered to every
             target, and those that it keeps
  The start position of a stream or topic is `offset=earliest` (default),
  `offset=latest`, a duration such as `offset=1h`, or a time such as
  `offset=2026-01-31T12:00:00Z`. --since accepts the same texts.
  `driver-events --version` lists the transports of this build.

Credentials:
  NATS credentials are resolved in this order: URL, command-line option,
  environment variable (NATS_CREDS, NATS_NKEY, NATS_NKEY_SEED, NATS_USER with
  NATS_PASSWORD, or NATS_TOKEN).
  Kafka properties are resolved in this order: -X, command-line option,
  environment variable, --kafka-config. The password of --kafka-user is read
  from KAFKA_PASSWORD, the one of --kafka-key from KAFKA_KEY_PASSWORD.
  A CA or a client certificate enables TLS for Kafka, as `tls` does.
  Every user of the machine can read command-line arguments, including URLs.
  Keep passwords and tokens in environment variables or files.

JetStream:
  With --durable, the server keeps the position. Printed events are acked, and
  the next reader of the same name continues after them. Events that the
  previous reader fetched but did not print may be redelivered out of order.
  With --dead-letters, malformed events are published on that subject.
  Without --durable, no position is kept.

Kafka topics:
  With --group, the readers of the same name share the partitions, and offsets
  of printed events are committed. The start position applies until the group
  has committed an offset. With --dead-letters, malformed records are
  published to that topic, with headers that name topic, partition and offset.
  Without --group, all partitions are read, also those that are added later,
  and nothing is committed.

Diagnostics:
  Standard error lists
  - malformed events, as NAME:LINE:COLUMN: reason. The position is
    SUBJECT#NUMBER:COLUMN in core NATS, STREAM#SEQUENCE:COLUMN in JetStream
    TOPIC[PARTITION]#OFFSET:COLUMN in Kafka and PATH#POSITION:COLUMN in a
    spool.
  - duplicate sequence numbers, and missing or late ones if no filter is set.
  - truncation and replacement of a followed file. A replaced file is read
    until it has not grown for 60 seconds. Lines that are truncated within a
    tenth of a second after they were written are lost.
  - events missed because a NATS reader was too slow or lost its connection,
    or because Kafka deleted them before they were read.

Exit codes:
  0  all events were printed, SIGINT (Ctrl-C) or SIGTERM stopped the command,
     or the reader of standard output closed it
  1  an event was malformed or missed, or could not be read or printed
  2  usage error

Examples:
  driver-events tail --from file:events.ndjson
  driver-events tail --from file:events.ndjson --kind decision --kind escalate
  driver-events tail --from file:events.ndjson --follow --format pretty
  my-agent | driver-events tail --from - --format pretty
  driver-events tail --from - --goal 6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01
  driver-events tail --from nats://127.0.0.1:4222 --kind escalate
  driver-events tail --from jetstream://127.0.0.1:4222/DRIVER --since 1h
  driver-events tail --from kafka://127.0.0.1:9092 --group audit";

/// Print events from a file, standard input or a server
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, mut_args(separate_hints))]
pub(crate) struct TailArguments {
    /// Source to read (see Sources)
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url,
          value_parser = RedactingParser::of_url(source::parse_url))]
    from: SourceUrl,

    /// Print only events of this goal; can be repeated
    #[arg(long = "goal", value_name = "ID")]
    goals: Vec<GoalId>,

    /// Print only events of this kind, known to this version or not; can be repeated
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,

    /// Output format [default: `pretty` on a terminal, otherwise `json`]
    #[arg(long, value_enum)]
    format: Option<FormatArgument>,

    /// Exit after printing N events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Wait for more at the end of a file, also after its rotation, or of a spool
    #[arg(long)]
    follow: bool,

    /// Start with events stored within this duration, such as `10m`, or since a time such as `2026-01-31T12:00:00Z`
    #[arg(long, value_name = "WHEN")]
    since: Option<StartPosition>,

    /// Read through this durable consumer, created if it does not exist, and ack printed events
    #[arg(long, value_name = "NAME")]
    durable: Option<String>,

    /// Read as a member of this consumer group and commit the offsets of printed events
    #[arg(long, value_name = "NAME")]
    group: Option<String>,

    /// Publish malformed records to this topic, or with --durable to this subject; requires --group or --durable
    #[arg(long, value_name = "NAME")]
    dead_letters: Option<String>,

    #[command(flatten)]
    connection: ConnectionArguments,
}

pub(crate) async fn run(arguments: TailArguments, shutdown: Shutdown) -> Exit {
    let report = Report::new();
    for kind in &arguments.kinds {
        if kind.parse::<EventKind>().is_err() {
            report.warning(format_args!(
                "kind `{kind}` is unknown to this version; its events are printed nevertheless"
            ));
        }
    }
    if let Err(text) = source::check(&arguments.from, arguments.follow) {
        report.error(text);
        return Exit::Usage;
    }
    if let Err(text) = check_stdout().and_then(|()| source::check_stdin(&arguments.from)) {
        report.error(text);
        return Exit::Failure;
    }
    let mut options = arguments.connection.options();
    // An option that is not given selects everything.
    options.kinds = (!arguments.kinds.is_empty()).then_some(arguments.kinds);
    options.goals = (!arguments.goals.is_empty()).then_some(arguments.goals);
    options.since = arguments.since;
    options.durable = arguments.durable;
    options.group = arguments.group;
    options.dead_letters = arguments.dead_letters;
    let default_format = if io::stdout().is_terminal() {
        Format::Pretty
    } else {
        Format::Json
    };
    let format = arguments.format.map_or(default_format, Format::from);
    let opened = tokio::select! {
        biased;
        _ = shutdown.requested() => return Exit::Success,
        opened = source::open(&arguments.from, &options, arguments.follow, &report) => opened,
    };
    let mut source = match opened {
        Ok(source) => source,
        Err(error) => {
            report.error(&error);
            return error.exit;
        }
    };
    let mut printer = Printer::new(format, options.filter(), arguments.count, report.clone());
    let exit = tokio::select! {
        biased;
        _ = shutdown.requested() => Exit::Success,
        exit = printer.print_all(&mut *source) => exit,
    };
    printer.close().await;
    source::close(source, &report).await;
    exit
}

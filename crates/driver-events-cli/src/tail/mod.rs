//! `driver-events tail`: events in, as a person or a program reads them.

mod follow;
mod origin;
mod printer;

use std::io::{self, IsTerminal};

use clap::{Args, ValueHint};
use driver_events_core::EventFilter;
use driver_events_stdout::Format;
use driver_events_types::{EventKind, GoalId};

use self::origin::Origin;
use self::printer::Printer;
use crate::exit::Exit;
use crate::format::FormatArgument;
use crate::remote::Connecting;
use crate::report::Report;
use crate::signals::Stop;
use crate::start::Start;
use crate::url_parser::UrlParser;

const AFTER_HELP: &str = "\
Sources:
  -          standard input
  file:PATH  a file. In PATH, `?` and `%` are written %3F and %25;
             file:///PATH is understood too.
  nats://HOST:PORT
             core NATS: what is published from now on
  jetstream://HOST:PORT/STREAM
             a stream of NATS: what it has, and what it gets
  Both take several hosts with commas between them, USER:PASSWORD@ or TOKEN@
  before them, and parameters: `?prefix=TENANT&tls&inbox=PREFIX`. A stream
  takes `domain=NAME` too. tls://HOST:PORT is nats://HOST:PORT?tls.
  kafka://HOST:PORT/TOPIC
             a topic of Kafka, agent.driver where none is named: what it
             has, and what it gets
  It takes several hosts too, and `?prefix=TENANT&tls`, and `per-subject`
  where each subject has a topic.
  Streams and topics take where to begin: `offset=earliest`, as it is
  without, `offset=latest`, or a time such as `offset=2026-01-31T12:00:00Z`.
  --version tells which servers this program was built with.

Connecting:
  Who connects to NATS is said by the URL, else by one option, else by one
  variable: NATS_CREDS, NATS_NKEY, NATS_NKEY_SEED, NATS_USER with
  NATS_PASSWORD, or NATS_TOKEN. Everybody on the machine can read the
  arguments of a command: a password or a token is better kept in a variable.
  Who connects to Kafka is said by --kafka-user and KAFKA_PASSWORD, or by a
  file. -X goes before the options, they before the variables, and those
  before the file. With certificates, as with `tls`, it connects with TLS.
  KAFKA_KEY_PASSWORD is the password of the key, where it has one.

Streams:
  With --durable the server keeps how far a stream was read. What was printed
  is acknowledged, and the next reader of that name gets the rest. What the
  reader before had fetched and not printed may come a little out of order.
  Without --durable nothing is kept.

Topics:
  With --group the partitions are shared out among the readers of that name,
  and what was printed is committed: the next of them gets the rest. Where to
  begin counts until a group has committed something. With --dead-letters,
  what is malformed goes to that topic, with headers that say from where.
  Without --group all is read, and nothing is committed.

Told on standard error:
  What is no event, as NAME:LINE:COLUMN: reason; from NATS the place is
  SUBJECT#NUMBER:COLUMN or STREAM#SEQUENCE:COLUMN, and from Kafka
  TOPIC[PARTITION]#OFFSET:COLUMN. Duplicates, and gaps in the numbers that a
  publisher gave its events; gaps only where nothing is filtered. A followed
  file that was cut short or replaced. What a reader of NATS missed, since it
  was slow or the link broke.

Exit codes:
  0  all was shown; also after SIGINT (Ctrl-C), SIGTERM, and when the
     reader of standard output went away
  1  something was malformed, missed, or could not be read or shown
  2  wrong usage

Examples:
  driver-events tail --from file:events.ndjson
  driver-events tail --from file:events.ndjson --kind decision --kind escalate
  driver-events tail --from file:events.ndjson --follow --format pretty
  my-agent | driver-events tail --from - --format pretty
  driver-events tail --from - --goal 6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01
  driver-events tail --from nats://127.0.0.1:4222 --kind escalate
  driver-events tail --from jetstream://127.0.0.1:4222/DRIVER --since 1h
  driver-events tail --from kafka://127.0.0.1:9092 --group audit";

/// Read events and print those that are asked for
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct TailArguments {
    /// Where to read from
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url,
          value_parser = UrlParser::new(Origin::parse))]
    from: Origin,

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

    /// Begin with what was stored so long ago, such as `10m`, or at a time such as `2026-01-31T12:00:00Z`
    #[arg(long, value_name = "WHEN", value_parser = Start::since)]
    since: Option<Start>,

    /// Read with the durable consumer of this name, which is made where it is not there, and acknowledge what was printed
    #[arg(long, value_name = "NAME")]
    durable: Option<String>,

    /// Read as a member of this consumer group, and commit what was printed
    #[arg(long, value_name = "NAME")]
    group: Option<String>,

    /// Put what is malformed aside in this topic, when reading in a group
    #[arg(long, value_name = "TOPIC")]
    dead_letters: Option<String>,

    #[command(flatten)]
    connecting: Connecting,
}

/// How to read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) follow: bool,
    pub(crate) since: Option<Start>,
    pub(crate) durable: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) dead_letters: Option<String>,
    pub(crate) filter: EventFilter,
    pub(crate) connecting: Connecting,
}

pub(crate) async fn run(arguments: TailArguments, stop: Stop) -> Exit {
    let report = Report::new();
    for kind in &arguments.kinds {
        if kind.parse::<EventKind>().is_err() {
            report.warning(format_args!(
                "this version knows no kind `{kind}`; events of it are printed all the same"
            ));
        }
    }
    let reading = Reading {
        follow: arguments.follow,
        since: arguments.since,
        durable: arguments.durable,
        group: arguments.group,
        dead_letters: arguments.dead_letters,
        filter: EventFilter::everything()
            .kinds_named(arguments.kinds)
            .goals(arguments.goals),
        connecting: arguments.connecting,
    };
    if let Err(text) = arguments.from.check(&reading) {
        report.error(text);
        return Exit::Usage;
    }
    let default_format = if io::stdout().is_terminal() {
        Format::Pretty
    } else {
        Format::Json
    };
    let format = arguments.format.map_or(default_format, Format::from);
    let opened = tokio::select! {
        biased;
        _ = stop.requested() => return Exit::Success,
        opened = arguments.from.open(&reading, &report) => opened,
    };
    let mut source = match opened {
        Ok(source) => source,
        Err(error) => {
            report.error(&error);
            return error.exit;
        }
    };
    let mut printer = Printer::new(format, reading.filter, arguments.count, report.clone());
    let exit = tokio::select! {
        biased;
        _ = stop.requested() => Exit::Success,
        exit = printer.print_all(&mut source) => exit,
    };
    printer.close().await;
    source.close(&report).await;
    exit
}

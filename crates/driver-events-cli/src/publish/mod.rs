//! `driver-events publish`: lines in, events out to every target.

mod lane;
mod line_ids;
mod patience;
mod progress;
mod publisher;
mod rejects;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueHint};
use driver_events_core::NdjsonSource;

use self::lane::Lane;
use self::line_ids::LineIds;
use self::patience::Patience;
use self::publisher::Publisher;
use self::rejects::Rejects;
use crate::exit::Exit;
use crate::file_id::FileId;
use crate::input::{Input, Reader};
use crate::open_error::OpenError;
use crate::remote::{Connecting, Protocol};
use crate::report::{Report, with_causes};
use crate::signals::Stop;
use crate::target::{Opening, Target};
use crate::url_parser::UrlParser;

const AFTER_HELP: &str = "\
Targets:
  stdout:    standard output
  file:PATH  the end of a file, which is made where it is not there. In
             PATH, `?` and `%` are written %3F and %25; file:///PATH is
             understood too.
  Both take `?format=json|cloudevents|pretty`; json is the default. On a
  terminal, what it would obey is escaped.
  nats://HOST:PORT
             core NATS, to whoever is listening
  jetstream://HOST:PORT/STREAM
             a stream of NATS, which stores each event once
  Both take several hosts with commas between them, USER:PASSWORD@ or TOKEN@
  before them, and parameters: `?prefix=TENANT&bare&tls&inbox=PREFIX`; bare
  is without headers, inbox is for answers. A stream takes `domain=NAME`
  too. tls://HOST:PORT is nats://HOST:PORT?tls.

  kafka://HOST:PORT/TOPIC
             a topic of Kafka; agent.driver where none is named
  It takes several hosts too, and `?prefix=TENANT&bare&tls`. With
  `per-subject` each subject has a topic. `acks=leader` or `acks=none` is
  quicker, and may lose events, or store them twice.
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
  With --create-stream the stream has one replica, and knows an event again
  for longer than --timeout. Another stream may forget it sooner: then it is
  not tried for longer than that, so that nothing is stored twice. Publishing
  a file again stores nothing more within that time.

Topics:
  With --create-topic a topic is made as the URL says: `partitions=12`,
  `replication=3`, `min-insync=2`, `retention=7d`; the rest is for the brokers
  to say. What a topic that is there has otherwise is told.
  Until --timeout, what is tried again is stored once. The summary tells of
  what may be stored twice, since the producer broke down. Publishing a file
  again stores all of it again, with the same ids.

Lines:
  A bare event, or a CloudEvent in structured mode, which keeps its id. The
  bytes of the event pass unchanged. A bare event gets an id that is the
  same each time the line is published: the UUID of version 5 in namespace
  558f219d-97c2-4730-925b-4e51c6757593 over the name of the source, a NUL,
  the line's number from 1 in decimal, a NUL, and the line without its
  ending. Two different inputs on standard input with the same lines have
  the same ids: name them with --source-name.
  A line that is no event is told on standard error as NAME:LINE:COLUMN:
  reason, and the rest goes on.

Signals:
  SIGINT (Ctrl-C) and SIGTERM stop the reading, finish what was taken and
  say where they stopped. A second one ends the process at once.

Exit codes:
  0    all was delivered, or the reader of standard output, the only
       target, went away
  1    a line was rejected or not delivered, or a file could not be opened
  2    wrong usage
  130  stopped by SIGINT
  143  stopped by SIGTERM

Examples:
  driver-events publish run.ndjson --to 'stdout:?format=pretty'
  driver-events publish run.ndjson --to stdout: --to file:all.ndjson
  driver-events publish run.ndjson --to file:all.ndjson --rejects bad.ndjson
  my-agent | driver-events publish --source-name my-agent --to file:log.ndjson
  driver-events publish run.ndjson --to nats://127.0.0.1:4222
  driver-events publish run.ndjson --create-stream \\
    --to jetstream://127.0.0.1:4222/DRIVER
  driver-events publish run.ndjson --create-topic \\
    --to 'kafka://127.0.0.1:9092/agent.driver?partitions=12'";

/// Publish the events in a file, or on standard input, to one or more targets
///
/// What fails and may succeed later is tried again, in order, until --timeout.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct PublishArguments {
    /// The lines to publish: a file, or `-` for standard input
    #[arg(value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath,
          value_parser = OsStringValueParser::new().map(Input::from_path))]
    input: Input,

    /// Where to publish them; may be given more than once
    #[arg(long = "to", value_name = "URL", required = true, value_hint = ValueHint::Url,
          value_parser = UrlParser::new(Target::parse))]
    targets: Vec<Target>,

    /// Append rejected lines to this file, byte for byte
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    rejects: Option<PathBuf>,

    /// What the ids of bare events are made from, instead of the file's name without its folder
    #[arg(long, value_name = "NAME")]
    source_name: Option<OsString>,

    /// How long a target may fail before it is given up, such as `30s` or `2h`
    #[arg(long, value_name = "DURATION", default_value = "5min", value_parser = humantime::parse_duration)]
    timeout: Duration,

    /// Make the stream of a `jetstream:` target where it is not there; one that is there is checked, not changed
    #[arg(long)]
    create_stream: bool,

    /// Make the topic of a `kafka:` target where it is not there; one that is there is checked, not changed
    #[arg(long)]
    create_topic: bool,

    #[command(flatten)]
    connecting: Connecting,
}

pub(crate) async fn run(arguments: PublishArguments, stop: Stop) -> Exit {
    if let Err(text) = arguments.check_creation().and_then(|()| arguments.check_files()) {
        Report::new().error(text);
        return Exit::Usage;
    }
    let opened = tokio::select! {
        biased;
        signal = stop.requested() => return Exit::Stopped(signal),
        opened = open(&arguments, &stop) => opened,
    };
    let (source, publisher) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            Report::new().error(&error);
            return error.exit;
        }
    };
    publisher.run(source, &arguments.input.name()).await
}

impl PublishArguments {
    /// The error is what to tell the person.
    fn check_creation(&self) -> Result<(), String> {
        let has = |protocol| self.targets.iter().any(|target| target.protocol() == Some(protocol));
        if self.create_stream && !has(Protocol::JetStream) {
            return Err("--create-stream is for a `jetstream:` target, and there is none".to_owned());
        }
        if self.create_topic && !has(Protocol::Kafka) {
            return Err("--create-topic is for a `kafka:` target, and there is none".to_owned());
        }
        Ok(())
    }

    /// A file that is read and written at once would never end, one that is both a target and for rejects would mix what
    /// shall be kept apart, and of two targets that are one file the one may write over the other's lines. The error is
    /// what to tell the person.
    fn check_files(&self) -> Result<(), String> {
        let rejects_id = self.rejects.as_deref().and_then(FileId::of_path);
        let target_ids: Vec<_> = self
            .targets
            .iter()
            .filter_map(|target| Some((target, target.file_id()?)))
            .collect();
        if let Some(input_id) = self.input.file_id()
            && target_ids
                .iter()
                .map(|(_, id)| id)
                .chain(&rejects_id)
                .any(|id| *id == input_id)
        {
            return Err(self.input.read_and_written());
        }
        for (index, (target, id)) in target_ids.iter().enumerate() {
            if rejects_id.as_ref() == Some(id) {
                return Err(format!("{target} is for rejects too"));
            }
            if let Some((other, _)) = target_ids.iter().take(index).find(|(_, other)| other == id) {
                return Err(format!("{other} and {target} are the same file"));
            }
        }
        Ok(())
    }
}

/// Opens everything before the first line is read, so that nothing is half done for a misspelt name.
async fn open(arguments: &PublishArguments, stop: &Stop) -> Result<(NdjsonSource<Reader>, Publisher), OpenError> {
    let input = &arguments.input;
    let source = input
        .open()
        .await
        .map_err(|error| OpenError::from(error).naming(input.name()))?;
    let prints_events = arguments.targets.iter().any(Target::is_stdout);
    let input_bytes = input
        .path()
        .and_then(|path| path.metadata().ok())
        .map(|metadata| metadata.len());
    let bar = progress::bar(input_bytes, prints_events);
    let report = Report::beside(bar.clone());
    let rejects = match arguments.rejects.clone() {
        None => None,
        Some(path) => Some(blocking(move || Rejects::open(path)).await.map_err(OpenError::failed)?),
    };
    let opening = Opening {
        connecting: arguments.connecting.clone(),
        create_stream: arguments.create_stream,
        create_topic: arguments.create_topic,
        timeout: arguments.timeout,
        stop: stop.clone(),
        report: report.clone(),
    };
    let mut lanes = Vec::with_capacity(arguments.targets.len());
    for target in &arguments.targets {
        let opened = target.open(&opening).await?;
        for warning in &opened.warnings {
            report.warning(format_args!("{}: {warning}", target.name()));
        }
        let is_only_target = arguments.targets.len() == 1;
        lanes.push(Lane::new(target.clone(), opened, is_only_target, report.clone()));
    }
    let source_name = arguments
        .source_name
        .as_ref()
        .map_or(input.base_name(), |name| name.as_encoded_bytes());
    let ids = LineIds::of_source(source_name);
    let patience = Patience {
        timeout: arguments.timeout,
        stop: stop.clone(),
    };
    let publisher = Publisher::new(lanes, rejects, ids, patience, report, bar);
    Ok((source, publisher))
}

/// The opening of a named pipe waits for the other side. The signals are heard meanwhile.
async fn blocking<T: Send + 'static>(open: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(open)
        .await
        .unwrap_or_else(|error| Err(with_causes(&error)))
}

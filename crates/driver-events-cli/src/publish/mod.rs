//! `driver-events publish`: sends the events of an input to all targets.

mod interruptible_sink;
mod line_ids;
mod progress;
mod publisher;
mod rejects;
mod retry_policy;
mod target_worker;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueHint};
use driver_events::{DriverEventSink, DriverEventSource, OpenedSink, Protocol};

use self::interruptible_sink::InterruptibleSink;
use self::line_ids::LineIds;
use self::publisher::Publisher;
use self::rejects::Rejects;
use self::retry_policy::RetryPolicy;
use self::target_worker::TargetWorker;
use crate::connection::ConnectionArguments;
use crate::exit::Exit;
use crate::file_id::FileId;
use crate::help::separate_hints;
use crate::input::Input;
use crate::open_error::OpenError;
use crate::redacting_parser::RedactingParser;
use crate::report::{Report, with_causes};
use crate::signals::Shutdown;
use crate::standard_streams::{check_stdin, check_stdout};
use crate::target::{Target, TargetOptions};

const AFTER_HELP: &str = "\
Targets:
  stdout:    standard output
  file:PATH  append to a file, which is created if it does not exist. Write
             `?` and `%` in PATH as %3F and %25. file:///PATH also works.
  Both accept `?format=json|cloudevents|pretty`. Default: json for stdout,
  cloudevents for a file, whose events keep their ids. On a terminal, control
  characters are escaped.
  nats://HOST:PORT
             core NATS: delivers to current subscribers only
  jetstream://HOST:PORT/STREAM
             a JetStream stream: stores each event once
  Both accept several hosts or URLs, separated by commas, credentials
  (USER:PASSWORD@ or TOKEN@) before the first host or before each, and
  `?prefix=TENANT&bare&tls&inbox=PREFIX`. `bare` omits headers; `inbox` is the
  prefix of reply subjects. A stream also accepts `domain=NAME`.
  tls://HOST:PORT is nats://HOST:PORT?tls.
  kafka://HOST:PORT/TOPIC
             a Kafka topic (default: agent.driver)
  Accepts several brokers, separated by commas, and `?prefix=TENANT&bare&tls`.
  `per-subject` publishes to one topic per subject. `acks=leader` and
  `acks=none` are faster, but may lose or duplicate events.
  spool:PATH?to=URL
             a file on disk from which each `to` gets every event, also after a
             crash and any outage. `to` may be repeated; in its URL write `?`,
             `&` and `@` as %3F, %26 and %40. Also `durability=power`,
             `retention=NUMBER|DURATION` and `max-bytes=NUMBER`.
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
  --create-stream creates a stream with one replica and a duplicate window
  longer than --timeout, or of the server's limit, with a warning. If the
  stream has a shorter window than --timeout, retries end before the window
  does, so that no event is stored twice. Within the window, publishing a file
  again stores nothing.

Kafka topics:
  --create-topic applies `partitions=12`, `replication=3`, `min-insync=2` and
  `retention=7d` of the URL; the brokers' defaults apply otherwise. If an
  existing topic has other settings, a warning lists them.
  Retries within --timeout store an event once. If the producer has to be
  re-created, the summary counts the events that may be stored twice.
  Publishing a file again stores its events again, with the same ids.

Spools:
  Reading goes on while the targets of a spool are down. At the end, the command
  waits for them up to --timeout. What they lack then stays in the file: the
  next start delivers it, and `driver-events spool drain` does.

Input:
  Each line is a bare event or a CloudEvent in structured mode. The bytes of
  the event are not changed. A CloudEvent keeps its id. The id of a bare event
  is the version 5 UUID, in namespace 558f219d-97c2-4730-925b-4e51c6757593, of
  the source name, a NUL, the line number (decimal, from 1), a NUL, and the
  line without its ending. So a line has the same id whenever it is published.
  For different inputs on standard input, set different --source-name.
  A malformed line is reported on standard error as NAME:LINE:COLUMN: reason,
  and the next line is read. A UTF-8 byte order mark is skipped.

Signals:
  SIGINT (Ctrl-C) and SIGTERM stop reading. Lines already read are published,
  and the last line is reported. A second signal exits at once.

Exit codes:
  0    all events were delivered, or standard output is the only target and
       its reader closed it
  1    a line was rejected or not delivered, or a file could not be opened
  2    usage error
  130  interrupted by SIGINT
  143  terminated by SIGTERM

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

/// Publish events from a file or standard input to one or more targets
///
/// Transient failures are retried, in order, until --timeout.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, mut_args(separate_hints))]
pub(crate) struct PublishArguments {
    /// File to read, or `-` for standard input
    #[arg(value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath,
          value_parser = OsStringValueParser::new().map(Input::from_path))]
    input: Input,

    /// Target to publish to (see Targets); can be repeated
    #[arg(long = "to", value_name = "URL", required = true, value_hint = ValueHint::Url,
          value_parser = RedactingParser::of_url(Target::parse))]
    targets: Vec<Target>,

    /// Append rejected lines to FILE, byte for byte
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    rejects: Option<PathBuf>,

    /// Source name from which the ids of bare events are derived [default: file name without directory]
    #[arg(long, value_name = "NAME")]
    source_name: Option<OsString>,

    /// Maximum time to retry a failing target, such as `30s` or `2h`
    #[arg(long, value_name = "DURATION", default_value = "5min", value_parser = humantime::parse_duration)]
    timeout: Duration,

    /// Create the stream of a `jetstream:` target if it does not exist; an existing stream is checked, not changed
    #[arg(long)]
    create_stream: bool,

    /// Create the topic of a `kafka:` target if it does not exist; an existing topic is checked, not changed
    #[arg(long)]
    create_topic: bool,

    #[command(flatten)]
    connection: ConnectionArguments,
}

pub(crate) async fn run(arguments: PublishArguments, shutdown: Shutdown) -> Exit {
    if let Err(text) = arguments.check_create_options().and_then(|()| arguments.check_files()) {
        Report::new().error(text);
        return Exit::Usage;
    }
    if let Err(text) = arguments.check_streams() {
        Report::new().error(text);
        return Exit::Failure;
    }
    let opened = tokio::select! {
        biased;
        signal = shutdown.requested() => return Exit::Stopped(signal),
        opened = open(&arguments, &shutdown) => opened,
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
    fn check_create_options(&self) -> Result<(), String> {
        let has = |protocol| self.targets.iter().any(|target| target.protocol() == protocol);
        if self.create_stream && !has(Protocol::JetStream) {
            return Err("--create-stream requires a `jetstream:` target".to_owned());
        }
        if self.create_topic && !has(Protocol::Kafka) {
            return Err("--create-topic requires a `kafka:` target".to_owned());
        }
        Ok(())
    }

    fn check_streams(&self) -> Result<(), String> {
        if self.input.path().is_none() {
            check_stdin()?;
        }
        if self.targets.iter().any(Target::is_stdout) {
            check_stdout()?;
        }
        Ok(())
    }

    /// Returns an error if a file has two uses. An input that is also written to would never end. A target that is also the
    /// rejects file would mix events and rejected lines. Two targets in one file may overwrite each other's lines.
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
            return Err(self.input.feedback_error());
        }
        for (index, (target, id)) in target_ids.iter().enumerate() {
            if rejects_id.as_ref() == Some(id) {
                return Err(format!("`{target}` is both a target and the rejects file"));
            }
            if let Some((other, _)) = target_ids.iter().take(index).find(|(_, other)| other == id) {
                return Err(format!("targets `{other}` and `{target}` are the same file"));
            }
        }
        Ok(())
    }
}

/// Opens input, rejects file and targets before the first line is read, so that a misspelt name has no effects.
async fn open(
    arguments: &PublishArguments,
    shutdown: &Shutdown,
) -> Result<(Box<dyn DriverEventSource>, Publisher), OpenError> {
    let input = &arguments.input;
    let source = input.open().await?;
    let prints_events = arguments.targets.iter().any(Target::is_stdout);
    let input_bytes = input
        .path()
        .and_then(|path| path.metadata().ok())
        .map(|metadata| metadata.len());
    let bar = progress::bar(input_bytes, prints_events);
    let report = Report::with_bar(bar.clone());
    let rejects = match arguments.rejects.clone() {
        None => None,
        Some(path) => Some(blocking(move || Rejects::open(path)).await.map_err(OpenError::failed)?),
    };
    let options = TargetOptions {
        connection: arguments.connection.clone(),
        create_stream: arguments.create_stream,
        create_topic: arguments.create_topic,
        timeout: arguments.timeout,
    };
    let mut workers = Vec::with_capacity(arguments.targets.len());
    for target in &arguments.targets {
        let mut opened = target.open(&options).await?;
        if target.protocol() == Protocol::Kafka {
            let timeout = target.call_timeout(arguments.timeout);
            opened.sink = interruptible(&opened, target.name(), timeout, shutdown, &report);
        }
        for warning in &opened.warnings {
            report.warning(format_args!("{}: {warning}", target.name()));
        }
        let is_only_target = arguments.targets.len() == 1;
        workers.push(TargetWorker::new(
            target.clone(),
            opened,
            is_only_target,
            report.clone(),
        ));
    }
    let source_name = arguments
        .source_name
        .as_ref()
        .map_or(input.base_name(), |name| name.as_encoded_bytes());
    let ids = LineIds::new(source_name);
    let retry_policy = RetryPolicy {
        timeout: arguments.timeout,
        shutdown: shutdown.clone(),
    };
    let publisher = Publisher::new(workers, rejects, ids, retry_policy, report, bar);
    Ok((source, publisher))
}

/// Wraps a sink whose calls may take as long as `timeout`.
fn interruptible(
    opened: &OpenedSink,
    name: String,
    timeout: Duration,
    shutdown: &Shutdown,
    report: &Report,
) -> Arc<dyn DriverEventSink> {
    let (opened, shutdown, report) = (opened.clone(), shutdown.clone(), report.clone());
    Arc::new(InterruptibleSink::new(opened, name, timeout, shutdown, report))
}

/// Runs `open` on a blocking thread: a named pipe blocks until its other end is opened, and signals must be handled meanwhile.
async fn blocking<T: Send + 'static>(open: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(open)
        .await
        .unwrap_or_else(|error| Err(with_causes(&error)))
}

use crate::open_error::OpenError;
use crate::opened_sink::OpenedSink;
use crate::opened_source::OpenedSource;
use crate::options::Options;
use crate::sink_url::SinkUrl;
use crate::source_url::SourceUrl;

/// Opens the sink of a URL.
///
/// | URL | sink |
/// |---|---|
/// | `stdout:` | [`StdoutEventSink`](crate::stdout::StdoutEventSink) |
/// | `file:PATH` | [`WriterEventSink`](crate::stdout::WriterEventSink) that appends to a file |
/// | `nats://HOST:PORT`, `tls://HOST:PORT` | `NatsEventSink`, with feature `nats` |
/// | `jetstream://HOST:PORT/STREAM` | `JetStreamEventSink`, with feature `nats` |
/// | `kafka://HOST:PORT/TOPIC` | `KafkaEventSink`, with feature `kafka` |
/// | `spool:PATH?to=URL` | `SpooledSink` in front of the sinks of other URLs, with feature `spool` |
///
/// [`SinkUrl`] lists the parameters.
///
/// # Errors
/// See [`SinkUrl::open`]. A URL that cannot be parsed is [`Invalid`](crate::SetupErrorKind::Invalid).
///
/// # Cancel safety
/// Cancel safe: a dropped call closes the connection that it was opening. A stream, topic or file that it was creating may
/// exist. A named pipe without a reader blocks a thread of the runtime's blocking pool, also after the call was dropped.
///
/// # Examples
/// ```
/// use driver_events::{DriverEvent, DriverEventSink, GoalId, Options, open_sink};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let opened = open_sink("stdout:", &Options::default()).await?;
/// opened.sink.publish(DriverEvent::Escalate { goal_id: GoalId::new(), reason: "stuck".into() }).await?;
/// opened.sink.close().await?;
/// # Ok(())
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(example()).unwrap();
/// ```
pub async fn open_sink(url: &str, options: &Options) -> Result<OpenedSink, OpenError> {
    let parsed = SinkUrl::parse(url).map_err(|error| OpenError::invalid_url(url, error))?;
    parsed.open(options).await
}

/// Opens the source of a URL.
///
/// | URL | source |
/// |---|---|
/// | `stdin:` | [`NdjsonSource`](crate::NdjsonSource) of standard input |
/// | `file:PATH` | [`NdjsonSource`](crate::NdjsonSource) of a file, which ends at the end of the file |
/// | `nats://HOST:PORT`, `tls://HOST:PORT` | `NatsEventSource`, with feature `nats` |
/// | `jetstream://HOST:PORT/STREAM` | `JetStreamEventSource`, with feature `nats` |
/// | `kafka://HOST:PORT/TOPIC` | `KafkaEventSource`, with feature `kafka` |
/// | `spool:PATH` | `SpoolEventSource` of the events in the file of a spool, with feature `spool` |
///
/// [`SourceUrl`] lists the parameters.
///
/// # Errors
/// See [`SourceUrl::open`]. A URL that cannot be parsed is [`Invalid`](crate::SetupErrorKind::Invalid).
///
/// # Cancel safety
/// Cancel safe: a dropped call closes the connection that it was opening. A named pipe without a writer blocks a thread of
/// the runtime's blocking pool, also after the call was dropped. So does a pending read of standard input: end the runtime
/// with `shutdown_background`, or the process waits for the next line.
///
/// # Examples
/// ```no_run
/// use driver_events::{DriverEventSource, Options, open_source};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut options = Options::default();
/// options.durable = Some("audit".to_owned());
/// let mut source = open_source("jetstream://127.0.0.1:4222/DRIVER", &options).await?.source;
/// while let Some(next) = source.next().await {
///     let delivery = next?;
///     match delivery.envelope() {
///         Ok(event) => println!("{}", event.kind()),
///         Err(malformed) => eprintln!("{}: {}", delivery.position(), malformed.reason()),
///     }
///     delivery.ack().await?;
/// }
/// source.close().await?;
/// # Ok(())
/// # }
/// ```
pub async fn open_source(url: &str, options: &Options) -> Result<OpenedSource, OpenError> {
    let parsed = SourceUrl::parse(url).map_err(|error| OpenError::invalid_url(url, error))?;
    parsed.open(options).await
}

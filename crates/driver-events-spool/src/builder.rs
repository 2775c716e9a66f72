use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use driver_events_core::{Backoff, DriverEventSink, SetupError};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::delivery::target::Target;
use crate::file::owner::Owner;
use crate::file::permissions::{checked_path, create_private};
use crate::settings::{Durability, Retention};
use crate::sink::SpooledSink;
use crate::store::connection::open_reader;
use crate::store::targets::{Progress, others, progress};
use crate::writer::handle::RunningWriter;
use crate::writer::thread::WriterSettings;

const DEFAULT_MAX_BYTES: u64 = 1024 * 1024 * 1024;
/// Space for the schema and a few events.
const MIN_MAX_BYTES: u64 = 256 * 1024;
const DEFAULT_CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// A year. A later deadline may exceed what an `Instant` can hold.
const MAX_CLOSE_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Short enough that the first event arrives soon after the broker's return.
const DEFAULT_BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// Settings of a [`SpooledSink`].
#[derive(Debug)]
#[must_use = "call `open`"]
pub struct SpoolBuilder {
    path: PathBuf,
    targets: Vec<(Arc<str>, Target)>,
    forgotten: Vec<Arc<str>>,
    durability: Durability,
    retention: Retention,
    max_bytes: u64,
    backoff: Backoff,
    close_timeout: Duration,
}

impl SpooledSink {
    /// Starts to configure a spool in this file. The files `PATH-wal`, `PATH-shm` and `PATH.lock` belong to it.
    pub fn builder(path: impl Into<PathBuf>) -> SpoolBuilder {
        let (min, max) = DEFAULT_BACKOFF;
        SpoolBuilder {
            path: path.into(),
            targets: Vec::new(),
            forgotten: Vec::new(),
            durability: Durability::default(),
            retention: Retention::default(),
            max_bytes: DEFAULT_MAX_BYTES,
            backoff: Backoff::new(min, max),
            close_timeout: DEFAULT_CLOSE_TIMEOUT,
        }
    }
}

impl SpoolBuilder {
    /// Adds a target. Its name is in the file: it identifies what this target already has, so it must stay the same across
    /// starts. A new name starts with the oldest event that another target does not have yet.
    ///
    /// A sink that is [finished](driver_events_core::SinkErrorKind::Closed) stays so:
    /// [`deliver_to_opened`](Self::deliver_to_opened) replaces it.
    pub fn deliver_to(mut self, name: impl Into<Arc<str>>, sink: impl DriverEventSink) -> Self {
        self.targets.push((name.into(), Target::Sink(Arc::new(sink))));
        self
    }

    /// Adds a target whose sink the function opens: after the spool has started, with backoff until it succeeds, and again
    /// when the sink is finished. So a program starts while every broker is down.
    pub fn deliver_to_opened<Opening, S, E>(
        mut self,
        name: impl Into<Arc<str>>,
        open: impl Fn() -> Opening + Send + Sync + 'static,
    ) -> Self
    where
        Opening: Future<Output = Result<S, E>> + Send + 'static,
        S: DriverEventSink,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.targets.push((name.into(), Target::factory(open)));
        self
    }

    /// Removes what the file holds for a target that this builder does not add. Without it, events stay for a target that is
    /// no longer configured, so that it can be added again.
    pub fn forget(mut self, name: impl Into<Arc<str>>) -> Self {
        self.forgotten.push(name.into());
        self
    }

    /// Sets what an event survives once it is accepted. Default: the end of the process.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets which events stay in the file after they were delivered. Default: none.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Sets the size of the database in bytes from which events are refused with
    /// [`Full`](driver_events_core::SinkErrorKind::Full), at least 256 KiB. The last 5 % are for terminal events, as are the last
    /// 5 % of a full disk, whose last MiB is for the records of deliveries. The write-ahead log beside the database needs up to a
    /// sixteenth more, at most 64 MiB.
    /// Default: 1 GiB.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes.max(MIN_MAX_BYTES);
        self
    }

    /// Sets the delays between attempts of a target that fails. A deadline has no effect: attempts never end. Default: from
    /// 100 ms to 3 s.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets how long [`flush`](DriverEventSink::flush) and [`close`](DriverEventSink::close) wait for the targets. What is not
    /// delivered then stays in the file. At most a year. Default: 10 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout.min(MAX_CLOSE_TIMEOUT);
        self
    }

    /// Opens or creates the file and starts the delivery on the current tokio runtime, whose timer must be enabled.
    ///
    /// After a crash this recovers the file. A damaged file is set aside as `PATH.corrupt-TIME`, reported by `tracing` and in
    /// [`Health::set_aside`](crate::Health::set_aside), and an empty one takes its place: the driver starts in any case.
    ///
    /// # Errors
    /// - [`Invalid`](driver_events_core::SetupErrorKind::Invalid): there is no target, two have one name, the directory does
    ///   not exist or is writable by every user, there is no current runtime, or the file cannot be opened.
    /// - [`Unreachable`](driver_events_core::SetupErrorKind::Unreachable): another sink has the file open, of this process or
    ///   of another one, whose id the message contains; or the disk is full.
    /// - [`Incompatible`](driver_events_core::SetupErrorKind::Incompatible): the file is of a newer version of this crate, or of
    ///   another program. It is unchanged.
    ///
    /// # Cancel safety
    /// Dropping the future leaves at most an empty file.
    pub async fn open(self) -> Result<SpooledSink, SetupError> {
        self.check()?;
        let names: Vec<_> = self.targets.iter().map(|(name, _)| Arc::clone(name)).collect();
        let settings = WriterSettings {
            path: self.path,
            targets: names,
            forgotten: self.forgotten,
            durability: self.durability,
            retention: self.retention,
            max_bytes: self.max_bytes,
        };
        let max_bytes = self.max_bytes;
        let opening = spawn_blocking(move || open_files(settings)).await;
        let (writer, path, progress) =
            opening.map_err(|error| SetupError::invalid("opening the spool was interrupted").with_source(error))??;
        let targets = self.targets.into_iter().zip(progress);
        let targets = targets.map(|((name, target), progress)| (name, target, progress));
        Ok(SpooledSink::start(
            (path, max_bytes),
            writer,
            targets.collect(),
            self.backoff,
            self.close_timeout,
        ))
    }

    fn check(&self) -> Result<(), SetupError> {
        Handle::try_current()
            .map_err(|error| SetupError::invalid("a spool must be opened within a tokio runtime").with_source(error))?;
        if self.targets.is_empty() {
            return Err(SetupError::invalid("the spool has no target: call `deliver_to`"));
        }
        let mut names: Vec<_> = self.targets.iter().map(|(name, _)| name).collect();
        names.sort();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some([name, ..]) => Err(SetupError::invalid(format!("duplicate target `{name}` of the spool"))),
            _ => Ok(()),
        }
    }
}

/// Opens the file and starts its threads. Returns how far each target is.
fn open_files(mut settings: WriterSettings) -> Result<(RunningWriter, PathBuf, Vec<Progress>), SetupError> {
    let path = checked_path(&settings.path)?;
    settings.path.clone_from(&path);
    let owner = Owner::acquire(&path)?;
    create_private(&path)
        .map_err(|error| SetupError::invalid(format!("cannot open spool {}", path.display())).with_source(error))?;
    let names = settings.targets.clone();
    let writer = RunningWriter::start(settings, owner)?;
    let connection = open_reader(&path)?;
    for name in others(&connection, &names)? {
        tracing::warn!(
            path = %path.display(),
            target = name,
            "the spool keeps events for a target that is not configured"
        );
    }
    let progress: Result<_, _> = names.iter().map(|name| progress(&connection, name)).collect();
    Ok((writer, path, progress?))
}

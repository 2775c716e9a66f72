use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::{Duration, Instant};

use driver_events_core::SetupError;
use rusqlite::Connection;
use tokio::sync::{mpsc, watch};

use super::file_state::FileState;
use super::group::{Committed, Group, Select};
use super::handle::{Command, RunningWriter, WriterHandle};
use super::maintenance::{Interrupt, Maintenance};
use crate::file::owner::Owner;
use crate::file::permissions::create_private;
use crate::file::set_aside::set_aside;
use crate::file::sibling;
use crate::settings::{Durability, Retention};
use crate::store::append::last_position;
use crate::store::connection::open_writer;
use crate::store::settle::{purge, purge_all, purge_delivered};
use crate::store::space::{Space, used_bytes};
use crate::store::store_error::StoreError;
use crate::store::targets;

/// Maximum number of events in a commit.
const MAX_GROUP: usize = 1_024;
/// How long a measurement of the space serves, if it leaves this many bytes. Meanwhile other programs use the disk, and the log
/// grows by more than the events need.
const SPACE_AGE: Duration = Duration::from_millis(100);
const SPACE_MARGIN: u64 = 256 * 1024 * 1024;
/// Least time between two searches for kept events to give up.
const PURGE_INTERVAL: Duration = Duration::from_secs(1);

/// Settings of the writer.
#[derive(Debug)]
pub(crate) struct WriterSettings {
    pub(crate) path: PathBuf,
    pub(crate) targets: Vec<Arc<str>>,
    pub(crate) forgotten: Vec<Arc<str>>,
    pub(crate) durability: Durability,
    pub(crate) retention: Retention,
    pub(crate) max_bytes: u64,
}

impl RunningWriter {
    /// Opens the file, and starts the thread. The thread keeps the lock until it ends.
    pub(crate) fn start(settings: WriterSettings, owner: Owner) -> Result<Self, SetupError> {
        let mut state = FileState::default();
        // SQLite would delete the log of an empty file.
        let opened = match has_log_only(&settings.path) {
            true => Err(StoreError::corrupt("the database is empty, and its log is not")),
            false => open(&settings),
        };
        let connection = match opened {
            Err(error) if error.is_corrupt() => {
                state.set_aside.push(replace(&settings.path, &error)?);
                open(&settings)
            }
            opened => opened,
        };
        let (connection, last, bytes) = connection?;
        (state.last, state.bytes) = (last, bytes);
        let (commands, mut received) = mpsc::unbounded_channel();
        let (sender, receiver) = watch::channel(state);
        let failed = |error| SetupError::invalid("cannot start a thread of the spool").with_source(error);
        let (stop, stopped) = std_mpsc::channel();
        let interrupt = Interrupt::default();
        let maintenance = Maintenance {
            interrupt: interrupt.clone(),
            path: settings.path.clone(),
            commands: commands.clone(),
            state: sender.clone(),
            wal_limit: (settings.max_bytes / 16).max(256 * 1024),
        };
        let maintenance = thread::Builder::new()
            .name("spool-maintenance".into())
            .spawn(move || maintenance.run(&stopped))
            .map_err(failed)?;
        let thread = Thread {
            settings,
            connection,
            state: sender,
            space: None,
            last_purge: None,
            is_replaced: false,
        };
        let spawned = thread::Builder::new().name("spool-writer".into()).spawn(move || {
            thread.run(&mut received, (stop, interrupt, maintenance));
            drop(owner);
            // Last: `WriterHandle::ended` waits for it.
            drop(received);
        });
        spawned.map_err(failed)?;
        Ok(Self(WriterHandle {
            commands,
            state: receiver,
        }))
    }
}

fn open(settings: &WriterSettings) -> Result<(Connection, i64, u64), StoreError> {
    let connection = open_writer(&settings.path, settings.durability)?;
    targets::check_settled(&connection)?;
    targets::register(&connection, &settings.targets)?;
    let forgotten = settings
        .forgotten
        .iter()
        .filter(|name| !settings.targets.contains(name));
    for name in forgotten {
        targets::remove(&connection, name)?;
        purge_all(&connection)?;
    }
    if settings.retention == Retention::Off {
        purge_delivered(&connection)?;
    }
    let (last, bytes) = (last_position(&connection)?, used_bytes(&connection)?);
    for name in &settings.targets {
        if targets::progress(&connection, name)?.cursor > last {
            return Err(StoreError::corrupt("a cursor is beyond the last event"));
        }
    }
    Ok((connection, last, bytes))
}

fn has_log_only(path: &Path) -> bool {
    let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    length(path) == 0 && length(&sibling(path, "-wal")) > 0
}

/// Sets a damaged file aside and creates an empty one.
fn replace(path: &Path, error: &StoreError) -> Result<PathBuf, SetupError> {
    let failed = |error| {
        let message = format!("cannot replace the damaged spool file {}", path.display());
        SetupError::invalid(message).with_source(error)
    };
    let aside = set_aside(path).map_err(failed)?;
    create_private(path).map_err(failed)?;
    tracing::error!(
        path = %path.display(),
        set_aside = %aside.display(),
        error = error.with_cause(),
        "the spool file is damaged and was set aside: it may hold events that were not delivered"
    );
    Ok(aside)
}

struct Thread {
    settings: WriterSettings,
    connection: Connection,
    state: watch::Sender<FileState>,
    /// Space that is left, and when it was measured.
    space: Option<(Space, Instant)>,
    last_purge: Option<Instant>,
    /// Whether the damaged file was set aside and the new one is not open yet.
    is_replaced: bool,
}

impl Thread {
    fn run(
        mut self,
        commands: &mut mpsc::UnboundedReceiver<Command>,
        (stop, interrupt, maintenance): (std_mpsc::Sender<()>, Interrupt, thread::JoinHandle<()>),
    ) {
        while let Some(first) = commands.blocking_recv() {
            let mut group = Group::default();
            group.add(first);
            while group.len < MAX_GROUP
                && !group.is_stop
                && let Ok(next) = commands.try_recv()
            {
                group.add(next);
            }
            let is_stop = group.is_stop;
            self.process(group);
            if is_stop {
                break;
            }
        }
        drop(stop);
        // A check of a large file takes seconds.
        interrupt.interrupt();
        let _ = maintenance.join();
        // The connection that closes last copies the log into the database.
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(path = %self.settings.path.display(), %error, "cannot close the spool file");
        }
    }

    fn process(&mut self, mut group: Group) {
        if group.damaged.is_some_and(|epoch| epoch == self.epoch()) {
            self.start_new_file(&StoreError::corrupt("found by a reader"));
        }
        if group.is_purge {
            self.purge();
        }
        if group.is_empty() {
            return;
        }
        // Nothing may be written to a file that was set aside.
        if self.is_replaced
            && let Err(error) = self.open_new_file()
        {
            group.fail(&error);
            return;
        }
        // An error of the measurement or the copy comes again with the commit.
        if let Err(error) = self.make_room_to_settle(&mut group) {
            tracing::debug!(path = %self.settings.path.display(), error = error.with_cause(), "cannot make room");
        }
        if group.is_empty() {
            return;
        }
        let mut written = self.write(&group, Select::All);
        if let Err(error) = &written
            && error.is_corrupt()
        {
            self.start_new_file(error);
            written = match self.is_replaced {
                true => Err(StoreError::corrupt("there is no new file yet")),
                false => self.write(&group, Select::All),
            };
        }
        self.state.send_if_modified(|state| {
            state.is_full = written.as_ref().is_err_and(StoreError::is_full);
            false
        });
        // Settlements free space, so they are tried last and alone.
        for select in [Select::Terminal, Select::Settlements] {
            if written.as_ref().is_err_and(StoreError::is_full) {
                written = self.write(&group, select);
            }
        }
        match written {
            Ok(committed) => {
                self.report(&committed);
                group.reply(&committed, self.epoch(), &self.full_message());
                // The callers first: they wait.
                self.state.send_if_modified(|_| committed.last.is_some());
            }
            Err(error) => {
                tracing::warn!(
                    path = %self.settings.path.display(),
                    error = error.with_cause(),
                    "commit of the spool failed"
                );
                group.fail(&error);
            }
        }
    }

    fn write(&mut self, group: &Group, select: Select) -> Result<Committed, StoreError> {
        let space = self.space(group.bytes)?;
        let context = (self.epoch(), self.settings.retention);
        let written = group.write(&mut self.connection, space, select, context);
        match (&written, &mut self.space) {
            (Ok(committed), Some((space, _))) => *space = committed.space,
            _ => self.space = None,
        }
        written
    }

    /// Makes room in the log for the settlements. If the disk has space for fewer, these fail, and smaller ones follow.
    fn make_room_to_settle(&mut self, group: &mut Group) -> Result<(), StoreError> {
        let events = group.settled();
        if events == 0 || self.space(0)?.can_settle(events) {
            return Ok(());
        }
        // Copies the log now: the maintenance comes too late.
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        self.space = None;
        if group.has_large_settlement() && !self.space(0)?.can_settle(events) {
            group.fail_settlements("the disk of the spool is nearly full");
        }
        Ok(())
    }

    /// Returns the space that is left. Gives up kept events if this many bytes have no room.
    fn space(&mut self, bytes: u64) -> Result<Space, StoreError> {
        if let Some((space, measured)) = self.space
            && space.has(bytes + SPACE_MARGIN)
            && measured.elapsed() < SPACE_AGE
        {
            return Ok(space);
        }
        let mut space = self.measure()?;
        if !space.has(bytes) && self.give_up_kept_events()? {
            space = self.measure()?;
        }
        self.space = Some((space, Instant::now()));
        Ok(space)
    }

    fn measure(&self) -> Result<Space, StoreError> {
        let used = self.publish_bytes()?;
        Space::measure(&self.connection, &self.settings.path, used, self.settings.max_bytes)
    }

    /// Publishes and returns the bytes in use. Wakes nobody.
    fn publish_bytes(&self) -> Result<u64, StoreError> {
        let used = used_bytes(&self.connection)?;
        self.state.send_if_modified(|state| {
            state.bytes = used;
            false
        });
        Ok(used)
    }

    /// Removes the events that the retention keeps, when the spool is full. Returns whether it has tried.
    fn give_up_kept_events(&mut self) -> Result<bool, StoreError> {
        let is_due = self.last_purge.is_none_or(|last| last.elapsed() >= PURGE_INTERVAL);
        if self.settings.retention == Retention::Off || !is_due {
            return Ok(false);
        }
        self.last_purge = Some(Instant::now());
        purge_delivered(&self.connection)?;
        Ok(true)
    }

    fn purge(&mut self) {
        let purged = purge(&self.connection, self.settings.retention);
        if let Err(error) = purged.and_then(|()| self.publish_bytes()) {
            tracing::debug!(path = %self.settings.path.display(), error = error.with_cause(), "cannot remove kept events");
        }
    }

    /// Publishes a commit, and wakes nobody yet.
    fn report(&self, committed: &Committed) {
        self.state.send_if_modified(|state| {
            state.accepted += committed.accepted;
            state.refused += committed.refused;
            if let Some(last) = committed.last {
                state.last = state.last.max(last);
            }
            false
        });
    }

    fn epoch(&self) -> u64 {
        self.state.borrow().epoch
    }

    fn full_message(&self) -> String {
        format!(
            "the spool is full: {} of {} bytes are in use, or the disk is full",
            self.state.borrow().bytes,
            self.settings.max_bytes
        )
    }

    /// Goes on with an empty file. After a failure the next commit tries it again.
    fn start_new_file(&mut self, error: &StoreError) {
        if !self.is_replaced {
            match replace(&self.settings.path, error) {
                Ok(aside) => self.state.send_modify(|state| state.set_aside.push(aside)),
                Err(error) => {
                    tracing::error!(%error, "cannot replace the damaged spool file");
                    return;
                }
            }
            self.is_replaced = true;
        }
        if let Err(error) = self.open_new_file() {
            tracing::error!(error = error.with_cause(), "cannot open a new spool file");
        }
    }

    fn open_new_file(&mut self) -> Result<(), StoreError> {
        let (connection, last, bytes) = open(&self.settings)?;
        self.connection = connection;
        self.space = None;
        self.is_replaced = false;
        self.state.send_modify(|state| {
            state.epoch += 1;
            (state.last, state.bytes) = (last, bytes);
        });
        Ok(())
    }
}

//! A server as a process: its folder, its log, its start and its end.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::orphan_guard::OrphanGuard;
use crate::run_folder::{Place, Record, RunFolder};
use crate::{log_tail, process, wait};

/// A process that is told to halt does so at once, or never will.
const HALTING: Duration = Duration::from_secs(5);

/// One server, through all of its lives. Its process ends with this value.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    name: String,
    folder: RunFolder,
    /// Outlives this process, and is not reached by the Ctrl-C that ends it.
    stays: bool,
    child: Option<Child>,
    /// None while it does not run, and where it stays.
    guard: Option<OrphanGuard>,
}

impl ServerProcess {
    /// Makes a folder for it. Nothing runs yet.
    pub(crate) fn new(name: &str, stays: bool) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            folder: Place::of_this_workspace().create(name)?,
            stays,
            child: None,
            guard: None,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// None while it does not run.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// What the server has written so far, in all of its lives.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Starts it, and returns at once, with the length of the log before.
    pub(crate) fn launch(&mut self, mut command: Command) -> Result<usize> {
        let before = self.log().len();
        let log = File::options().create(true).append(true).open(self.log_file())?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        if self.stays {
            command.process_group(0);
        }
        let program = command.get_program().to_owned();
        let child = command
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        let id = child.id();
        self.child = Some(child);
        if !self.stays {
            self.guard = Some(OrphanGuard::of(id)?);
        }
        fs::write(self.folder.pid_file(), id.to_string())?;
        Ok(before)
    }

    /// Whether there is no process, or it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        let child = self.child.as_mut();
        child.is_none_or(|child| child.try_wait().is_ok_and(|status| status.is_some()))
    }

    /// Kills it as `kill -9` does. Nothing happens to one that does not run.
    pub(crate) fn kill(&mut self) -> Result<()> {
        // It must not outlive the server, whose id may be another's then.
        self.guard = None;
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Asks it to end, and waits until it has; kills it after `patience`, and says so.
    pub(crate) fn stop(&mut self, patience: Duration) -> Result<()> {
        if self.id().is_none() {
            return Ok(());
        }
        self.signal(Signal::TERM)?;
        let ended = wait::became_true(patience, || self.has_ended());
        self.kill()?;
        ensure!(ended, "{} did not end within {patience:?}", self.name);
        Ok(())
    }

    /// Stops it in its tracks, as it stands, until [`thaw`](Self::thaw), and returns when all of it has halted.
    ///
    /// # Errors
    /// When it does not run, or does not halt.
    pub(crate) fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        let has_halted = wait::became_true(HALTING, || self.id().is_none_or(process::has_halted));
        ensure!(has_halted, "{} did not halt within {HALTING:?}", self.name);
        Ok(())
    }

    /// # Errors
    /// When it does not run.
    pub(crate) fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Leaves it running.
    pub(crate) fn leave(&mut self, record: &Record) -> Result<()> {
        self.folder.leave(record)?;
        self.child = None;
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        // Not waited for yet, so that the id is the server's in any case.
        let id = self.id().with_context(|| format!("{} does not run", self.name))?;
        process::signal(id, signal)
    }

    fn log_file(&self) -> PathBuf {
        self.folder().join("log")
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            log_tail::show(&self.name, &self.log());
        }
        // There is nobody left to tell.
        let _ = self.kill();
    }
}

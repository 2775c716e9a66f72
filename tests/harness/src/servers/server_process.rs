//! The process of a server, with its folder and its log.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use super::orphan_guard::OrphanGuard;
use super::run_folder::{DetachedRecord, RunFolder, RunFolders};
use super::{log_tail, process};
use crate::wait;

const SIGSTOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a server runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lifetime {
    /// Until its value is dropped. Clients connect to a free port.
    Owned,
    /// Longer than this process. Clients connect to the preferred port if it is free.
    Detached { preferred_port: Option<u16> },
}

impl Lifetime {
    pub(crate) fn is_detached(self) -> bool {
        matches!(self, Self::Detached { .. })
    }

    pub(crate) fn preferred_port(self) -> Option<u16> {
        match self {
            Self::Owned => None,
            Self::Detached { preferred_port } => preferred_port,
        }
    }

    /// Returns the lifetime of a member of a cluster: the first member has the preferred port, the others free ones.
    pub(crate) fn of_member(self, index: usize) -> Self {
        match self {
            Self::Detached { .. } if index > 0 => Self::Detached { preferred_port: None },
            first => first,
        }
    }
}

/// One server through all of its restarts. Its process is killed on drop.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    name: String,
    folder: RunFolder,
    /// Started in a process group of its own, so that Ctrl-C does not reach it, and without an orphan guard.
    is_detached: bool,
    child: Option<Child>,
    /// `None` while the server does not run, and if it is detached.
    guard: Option<OrphanGuard>,
}

impl ServerProcess {
    /// Creates the folder of the server. Starts nothing.
    pub(crate) fn new(name: &str, lifetime: Lifetime) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            folder: RunFolders::of_this_workspace().create(name)?,
            is_detached: lifetime.is_detached(),
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

    /// Returns the process id, or `None` if the server does not run.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Returns the server's log since its first start.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Spawns the process, and returns the length of the log before the start.
    pub(crate) fn launch(&mut self, mut command: Command) -> Result<usize> {
        let log_start = self.log().len();
        let log = File::options().create(true).append(true).open(self.log_file())?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        if self.is_detached {
            command.process_group(0);
        }
        let program = command.get_program().to_owned();
        let child = command
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.display()))?;
        let id = child.id();
        self.child = Some(child);
        if !self.is_detached {
            self.guard = Some(OrphanGuard::new(id)?);
        }
        fs::write(self.folder.pid_file(), id.to_string())?;
        Ok(log_start)
    }

    /// Returns whether there is no process, or it has exited.
    pub(crate) fn has_exited(&mut self) -> bool {
        let child = self.child.as_mut();
        child.is_none_or(|child| child.try_wait().is_ok_and(|status| status.is_some()))
    }

    /// Kills the server with SIGKILL. Does nothing if it does not run.
    pub(crate) fn kill(&mut self) -> Result<()> {
        // Dropped first: the guard must not kill a process that reuses the id.
        self.guard = None;
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Sends SIGTERM, and waits for the exit. Kills the server after `timeout` and returns an error.
    pub(crate) fn stop(&mut self, timeout: Duration) -> Result<()> {
        if self.id().is_none() {
            return Ok(());
        }
        self.signal(Signal::TERM)?;
        let exited = wait::poll_until(timeout, || self.has_exited());
        self.kill()?;
        ensure!(exited, "{} did not exit within {timeout:?}", self.name);
        Ok(())
    }

    /// Sends SIGSTOP, and returns when all threads are stopped. SIGCONT continues them.
    ///
    /// # Errors
    /// Returns an error if the server does not run or does not stop.
    pub(crate) fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        let is_stopped = wait::poll_until(SIGSTOP_TIMEOUT, || self.id().is_none_or(process::is_stopped));
        ensure!(is_stopped, "{} did not stop within {SIGSTOP_TIMEOUT:?}", self.name);
        Ok(())
    }

    /// Keeps the server running after this value is dropped.
    pub(crate) fn detach(&mut self, record: &DetachedRecord) -> Result<()> {
        self.folder.detach(record)?;
        self.child = None;
        Ok(())
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// Returns an error if the server does not run.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        // The child is not reaped yet, so the id cannot belong to another process.
        let id = self.id().with_context(|| format!("{} is not running", self.name))?;
        process::signal(id, signal)
    }

    fn log_file(&self) -> PathBuf {
        self.folder().join("log")
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            log_tail::print(&self.name, &self.log());
        }
        let _ = self.kill();
    }
}

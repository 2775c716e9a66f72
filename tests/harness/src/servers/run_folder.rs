//! Folders of running servers.
//!
//! A folder is owned by the process that holds the lock file in it. A folder without an owner belongs to a detached
//! server, or to a process that was killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::process as processes;
use crate::file_lock::FileLock;
use crate::folders;

/// The parent folder of all run folders.
#[derive(Clone, Debug)]
pub(crate) struct RunFolders {
    root: PathBuf,
}

/// Folder of a server that this process owns. Removed on drop, unless the server was detached.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    parent: RunFolders,
    is_detached: bool,
    _owner: FileLock,
}

/// The file in the folder of a detached server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DetachedRecord {
    pub(crate) url: String,
    /// `None` for a server without monitoring pages.
    pub(crate) monitoring_url: Option<String>,
}

/// A run folder of this or another process, and the state of its server.
#[derive(Debug)]
pub(crate) struct FoundServer {
    pub(crate) path: PathBuf,
    /// `None` unless the server is detached.
    pub(crate) record: Option<DetachedRecord>,
    /// The server's process id, if it runs.
    pub(crate) process: Option<u32>,
    /// `None` while the owner lives. Held so that no other process clears the folder.
    owner_lock: Option<FileLock>,
}

impl RunFolders {
    /// Returns `target/brokers/run`.
    pub(crate) fn of_this_workspace() -> Self {
        Self {
            root: folders::brokers().join("run"),
        }
    }

    /// Creates a folder for a server, and clears the folders of processes that were killed.
    pub(crate) fn create(&self, name: &str) -> Result<RunFolder> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let _lock = self.lock()?;
        for found in self.list()?.into_iter().filter(|found| found.record.is_none()) {
            found.clear()?;
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join(format!("{name}-{}-{number}", process::id()));
        let owner = FileLock::acquire(&owner_lock(&path))?;
        Ok(RunFolder {
            path,
            parent: self.clone(),
            is_detached: false,
            _owner: owner,
        })
    }

    /// Locks the parent folder: for creating, listing and removing run folders.
    pub(crate) fn lock(&self) -> Result<FileLock> {
        FileLock::acquire(&self.root.join("lock"))
    }

    /// Returns all run folders, sorted by name. The caller must hold the [`lock`](Self::lock).
    pub(crate) fn list(&self) -> Result<Vec<FoundServer>> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(FoundServer::at(path)?);
            }
        }
        folders.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(folders)
    }
}

impl RunFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file that holds the server's process id.
    pub(crate) fn pid_file(&self) -> PathBuf {
        pid_file(&self.path)
    }

    /// Keeps the folder after the drop, with `record` in it, until the server is stopped.
    pub(crate) fn detach(&mut self, record: &DetachedRecord) -> Result<()> {
        fs::write(record_file(&self.path), serde_json::to_vec_pretty(record)?)?;
        self.is_detached = true;
        Ok(())
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if !self.is_detached {
            // Locked, so that no process lists a half-removed folder. If the removal fails, the next `create` retries it.
            let _lock = self.parent.lock();
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

impl FoundServer {
    fn at(path: PathBuf) -> Result<Self> {
        let owner_lock = FileLock::try_acquire(&owner_lock(&path))?;
        let record = fs::read(record_file(&path)).ok();
        let process = fs::read_to_string(pid_file(&path)).ok();
        Ok(Self {
            record: record.and_then(|record| serde_json::from_slice(&record).ok()),
            process: process
                .and_then(|id| id.trim().parse().ok())
                .filter(|id| processes::is_running_from(*id, &path)),
            path,
            owner_lock,
        })
    }

    /// Returns whether no running process owns the folder: the server is detached, or its owner was killed.
    pub(crate) fn has_no_owner(&self) -> bool {
        self.owner_lock.is_some()
    }

    /// Terminates the server and removes the folder. Does nothing if the folder has an owner.
    pub(crate) fn clear(self) -> Result<()> {
        if self.owner_lock.is_none() {
            return Ok(());
        }
        if let Some(id) = self.process {
            processes::terminate(id, &self.path)?;
        }
        fs::remove_dir_all(&self.path).with_context(|| format!("cannot remove `{}`", self.path.display()))
    }
}

fn owner_lock(path: &Path) -> PathBuf {
    path.join("owner.lock")
}

fn record_file(path: &Path) -> PathBuf {
    path.join("server.json")
}

fn pid_file(path: &Path) -> PathBuf {
    path.join("pid")
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;
    use crate::wait;

    const TIMEOUT: Duration = Duration::from_secs(10);

    fn run_folders() -> (TempDir, RunFolders) {
        let root = tempfile::tempdir().unwrap();
        let folders = RunFolders {
            root: root.path().to_owned(),
        };
        (root, folders)
    }

    /// Starts a stand-in for the server of the folder: a process with the folder in its command line.
    fn start_server(folder: &RunFolder) -> Child {
        let server = Command::new("tail")
            .arg("-f")
            .arg(owner_lock(&folder.path))
            .spawn()
            .unwrap();
        fs::write(folder.pid_file(), server.id().to_string()).unwrap();
        // Between fork and exec the command line is this process's own.
        let is_running = || processes::is_running_from(server.id(), &folder.path);
        assert!(wait::poll_until(TIMEOUT, is_running));
        server
    }

    /// Leaves the folder as if its owner was killed: the lock is released, the folder and the server remain.
    fn kill_owner(mut folder: RunFolder) -> PathBuf {
        folder.is_detached = true;
        folder.path.clone()
    }

    /// Returns whether creating another folder clears this one. Polls, since a process that a concurrent test forks holds
    /// the locks of this one until its exec.
    fn next_create_clears(folders: &RunFolders, path: &Path) -> bool {
        wait::poll_until(TIMEOUT, || {
            drop(folders.create("next").unwrap());
            !path.exists()
        })
    }

    fn is_running(child: &mut Child) -> bool {
        child.try_wait().unwrap().is_none()
    }

    #[test]
    fn server_of_a_killed_owner_is_cleared() {
        let (_root, folders) = run_folders();
        let folder = folders.create("server").unwrap();
        let mut server = start_server(&folder);
        let path = kill_owner(folder);
        assert!(next_create_clears(&folders, &path));
        assert!(!is_running(&mut server));
    }

    #[test]
    fn server_with_an_owner_is_not_cleared() {
        let (_root, folders) = run_folders();
        let folder = folders.create("server").unwrap();
        let mut server = start_server(&folder);
        let _next = folders.create("server").unwrap();
        let all = folders.list().unwrap();
        assert_eq!(all.len(), 2);
        for found in all {
            assert!(!found.has_no_owner());
            found.clear().unwrap();
        }
        assert!(is_running(&mut server));
        assert!(folder.path().exists());
        server.kill().unwrap();
        server.wait().unwrap();
    }

    #[test]
    fn detached_server_runs_until_it_is_cleared() {
        let (_root, folders) = run_folders();
        let mut folder = folders.create("server").unwrap();
        let mut server = start_server(&folder);
        let record = DetachedRecord {
            url: "nats://127.0.0.1:1".to_owned(),
            monitoring_url: Some("http://127.0.0.1:2".to_owned()),
        };
        folder.detach(&record).unwrap();
        drop(folder);
        drop(folders.create("another").unwrap());
        assert!(is_running(&mut server));

        let found = folders.list().unwrap().pop().unwrap();
        assert_eq!(found.record.as_ref().unwrap().url, record.url);
        assert_eq!(found.process, Some(server.id()));
        drop(found);
        assert!(wait::poll_until(TIMEOUT, || {
            for found in folders.list().unwrap() {
                found.clear().unwrap();
            }
            folders.list().unwrap().is_empty()
        }));
        assert!(!is_running(&mut server));
    }

    #[test]
    fn process_with_a_reused_id_is_not_killed() {
        let (_root, folders) = run_folders();
        let (folder, elsewhere) = (
            folders.create("server").unwrap(),
            tempfile::NamedTempFile::new().unwrap(),
        );
        let mut stranger = Command::new("tail").arg("-f").arg(elsewhere.path()).spawn().unwrap();
        fs::write(folder.pid_file(), stranger.id().to_string()).unwrap();
        let path = kill_owner(folder);
        assert!(next_create_clears(&folders, &path));
        assert!(is_running(&mut stranger));
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}

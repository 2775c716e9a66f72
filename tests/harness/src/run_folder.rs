//! The folders of running servers, and what became of their owners.
//!
//! A folder belongs to the process that holds the lock in it. One that nobody holds is either of a server that was
//! started to stay, or left behind by a process that was killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::file_lock::FileLock;
use crate::{folders, process as processes};

/// Where the folders are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    root: PathBuf,
}

/// A folder of a server of this process. It is removed when this value is dropped, unless it was left.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    place: Place,
    is_left: bool,
    _owner: FileLock,
}

/// What is written down of a server that stays.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) url: String,
    /// Absent where a server has no such pages.
    pub(crate) monitoring_url: Option<String>,
}

/// A folder that was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Absent where a server was not started to stay.
    pub(crate) record: Option<Record>,
    /// The process of the server, if it runs.
    pub(crate) process: Option<u32>,
    /// Held, so that nobody else takes the folder for abandoned; absent while its owner lives.
    abandoned: Option<FileLock>,
}

impl Place {
    /// `target/brokers/run`.
    pub(crate) fn of_this_workspace() -> Self {
        Self {
            root: folders::brokers().join("run"),
        }
    }

    /// Makes a folder for a server of this name, and clears what other processes left behind.
    pub(crate) fn create(&self, name: &str) -> Result<RunFolder> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let _lock = self.lock()?;
        for found in self.list()?.into_iter().filter(|found| found.record.is_none()) {
            found.clear()?;
        }
        let turn = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join(format!("{name}-{}-{turn}", process::id()));
        let owner = FileLock::wait(&owner_lock(&path))?;
        Ok(RunFolder {
            path,
            place: self.clone(),
            is_left: false,
            _owner: owner,
        })
    }

    /// Held by whoever makes, removes or looks through the folders.
    pub(crate) fn lock(&self) -> Result<FileLock> {
        FileLock::wait(&self.root.join("lock"))
    }

    /// All folders, by name. The caller holds the [`lock`](Self::lock).
    pub(crate) fn list(&self) -> Result<Vec<Found>> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(Found::at(path)?);
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

    /// Where the server writes its process id.
    pub(crate) fn pid_file(&self) -> PathBuf {
        pid_file(&self.path)
    }

    /// The folder stays, with this record, until it is cleared.
    pub(crate) fn leave(&mut self, record: &Record) -> Result<()> {
        fs::write(record_file(&self.path), serde_json::to_vec_pretty(record)?)?;
        self.is_left = true;
        Ok(())
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if !self.is_left {
            // Whoever looks through the folders must not see half of one. What cannot be removed is found again later.
            let _lock = self.place.lock();
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

impl Found {
    fn at(path: PathBuf) -> Result<Self> {
        let abandoned = FileLock::attempt(&owner_lock(&path))?;
        let record = fs::read(record_file(&path)).ok();
        let process = fs::read_to_string(pid_file(&path)).ok();
        Ok(Self {
            record: record.and_then(|record| serde_json::from_slice(&record).ok()),
            process: process
                .and_then(|id| id.trim().parse().ok())
                .filter(|id| processes::is_running_from(*id, &path)),
            path,
            abandoned,
        })
    }

    /// Whether this was left behind by a process that ended, or started to stay.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.is_some()
    }

    /// Ends the server and removes the folder. What has an owner is left alone.
    pub(crate) fn clear(self) -> Result<()> {
        if self.abandoned.is_none() {
            return Ok(());
        }
        if let Some(id) = self.process {
            processes::end(id, &self.path)?;
        }
        fs::remove_dir_all(&self.path).with_context(|| format!("{} cannot be removed", self.path.display()))
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

    const PATIENCE: Duration = Duration::from_secs(10);

    fn place() -> (TempDir, Place) {
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            root: folder.path().to_owned(),
        };
        (folder, place)
    }

    /// A process of the folder, written down there as its server.
    fn serve(folder: &RunFolder) -> Child {
        let program = Command::new("tail")
            .arg("-f")
            .arg(owner_lock(&folder.path))
            .spawn()
            .unwrap();
        fs::write(folder.pid_file(), program.id().to_string()).unwrap();
        // A process has no command line yet when it has just become another program.
        let runs = || processes::is_running_from(program.id(), &folder.path);
        assert!(wait::became_true(PATIENCE, runs));
        program
    }

    /// As it is when the owner is killed: its locks are gone, its folder and its server are not.
    fn die(mut folder: RunFolder) -> PathBuf {
        folder.is_left = true;
        folder.path.clone()
    }

    /// A process that another test is about to start has this one's locks for a moment, so that one try may come too
    /// early.
    fn is_cleared_by_the_next(place: &Place, path: &Path) -> bool {
        wait::became_true(PATIENCE, || {
            drop(place.create("next").unwrap());
            !path.exists()
        })
    }

    fn is_running(child: &mut Child) -> bool {
        child.try_wait().unwrap().is_none()
    }

    #[test]
    fn what_a_killed_process_left_is_cleared_by_the_next() {
        let (_root, place) = place();
        let folder = place.create("server").unwrap();
        let mut server = serve(&folder);
        let path = die(folder);
        assert!(is_cleared_by_the_next(&place, &path));
        assert!(!is_running(&mut server));
    }

    #[test]
    fn what_has_an_owner_is_spared() {
        let (_root, place) = place();
        let folder = place.create("server").unwrap();
        let mut server = serve(&folder);
        let _next = place.create("server").unwrap();
        for found in place.list().unwrap() {
            assert!(!found.is_abandoned());
            found.clear().unwrap();
        }
        assert!(is_running(&mut server));
        assert!(folder.path().exists());
        server.kill().unwrap();
        server.wait().unwrap();
    }

    #[test]
    fn what_stays_is_cleared_when_it_is_asked_for() {
        let (_root, place) = place();
        let mut folder = place.create("server").unwrap();
        let mut server = serve(&folder);
        let record = Record {
            url: "nats://127.0.0.1:1".to_owned(),
            monitoring_url: Some("http://127.0.0.1:2".to_owned()),
        };
        folder.leave(&record).unwrap();
        drop(folder);
        drop(place.create("another").unwrap());
        assert!(is_running(&mut server));

        let found = place.list().unwrap().pop().unwrap();
        assert_eq!(found.record.as_ref().unwrap().url, record.url);
        assert_eq!(found.process, Some(server.id()));
        drop(found);
        assert!(wait::became_true(PATIENCE, || {
            for found in place.list().unwrap() {
                found.clear().unwrap();
            }
            place.list().unwrap().is_empty()
        }));
        assert!(!is_running(&mut server));
    }

    #[test]
    fn another_process_with_the_same_id_is_spared() {
        let (_root, place) = place();
        let (folder, elsewhere) = (place.create("server").unwrap(), tempfile::NamedTempFile::new().unwrap());
        let mut stranger = Command::new("tail").arg("-f").arg(elsewhere.path()).spawn().unwrap();
        fs::write(folder.pid_file(), stranger.id().to_string()).unwrap();
        let path = die(folder);
        assert!(is_cleared_by_the_next(&place, &path));
        assert!(is_running(&mut stranger));
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}

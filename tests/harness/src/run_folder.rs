//! The folders of running servers, `target/brokers/run/NAME`, and what became of their owners.
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

/// A folder of a server of this process. It is removed when this value is dropped, unless it was left.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    is_left: bool,
    _owner: FileLock,
}

/// What is written down of a server that stays.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) url: String,
    pub(crate) monitoring_url: String,
}

/// A folder that was found, with what it says.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Absent where a server was not started to stay.
    pub(crate) record: Option<Record>,
    /// The process of the server, if it runs.
    pub(crate) process: Option<u32>,
    /// Held, so that nobody takes the folder for his; absent while its owner lives.
    abandoned: Option<FileLock>,
}

impl RunFolder {
    /// Makes a folder for a server of this name, and ends what earlier processes left behind.
    pub(crate) fn create(name: &str) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let _lock = lock()?;
        for found in list()?.into_iter().filter(|found| found.record.is_none()) {
            found.clear()?;
        }
        let turn = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = root().join(format!("{name}-{}-{turn}", process::id()));
        let owner = FileLock::wait(&owner_lock(&path))?;
        Ok(Self {
            path,
            is_left: false,
            _owner: owner,
        })
    }

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
            let _lock = lock();
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

impl Found {
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

/// Held by whoever makes, removes or looks through the folders.
pub(crate) fn lock() -> Result<FileLock> {
    FileLock::wait(&root().join("lock"))
}

/// All folders, by name. The caller holds the [`lock`].
pub(crate) fn list() -> Result<Vec<Found>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root())? {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(find(path)?);
        }
    }
    folders.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(folders)
}

fn find(path: PathBuf) -> Result<Found> {
    let abandoned = FileLock::attempt(&owner_lock(&path))?;
    let record = fs::read(record_file(&path)).ok();
    let process = fs::read_to_string(pid_file(&path)).ok();
    Ok(Found {
        record: record.and_then(|record| serde_json::from_slice(&record).ok()),
        process: process
            .and_then(|id| id.trim().parse().ok())
            .filter(|id| processes::is_running_from(*id, &path)),
        path,
        abandoned,
    })
}

fn root() -> PathBuf {
    folders::brokers().join("run")
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

//! The ledger: a file to which the driver process appends what became of each event before it goes on.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};

use super::goal_run::RunEvent;

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// `send` returned a receipt.
    Accepted(RunEvent),
    /// `send` failed, with an error of this kind.
    Refused(RunEvent, String),
    /// The state of a target changed, or its last error.
    State {
        target: String,
        state: String,
        error: String,
    },
    /// The spool was closed: the result, and the dead letters of all targets.
    Closed { result: String, dead: u64 },
}

/// The driver's end of the ledger.
#[derive(Debug)]
pub(super) struct LedgerWriter(File);

impl LedgerWriter {
    pub(super) fn open(path: &Path) -> Result<Self> {
        Ok(Self(File::options().append(true).create(true).open(path)?))
    }

    /// Appends a line with one call, so that SIGKILL does not tear it.
    pub(super) fn append(&self, entry: &Entry) -> Result<()> {
        Ok((&self.0).write_all(format!("{entry}\n").as_bytes())?)
    }
}

/// What the ledger holds so far.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    read: u64,
    pub(super) entries: Vec<Entry>,
}

impl Ledger {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            read: 0,
            entries: Vec::new(),
        }
    }

    /// Reads the lines that were appended since the last call.
    pub(super) fn update(&mut self) -> Result<()> {
        let Ok(mut file) = File::open(&self.path) else {
            return Ok(());
        };
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            self.read += line.len() as u64;
            self.entries.push(line.trim_end_matches('\n').parse()?);
        }
        Ok(())
    }

    /// Returns how many entries from this one on are selected.
    pub(super) fn count_from(&self, first: usize, is_selected: impl Fn(&Entry) -> bool) -> usize {
        let entries = self.entries.iter().skip(first);
        entries.filter(|entry| is_selected(entry)).count()
    }

    /// Returns the last state of a target.
    pub(super) fn last_state(&self) -> Option<&String> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::State { state, .. } => Some(state),
            _ => None,
        })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(event) => write!(f, "accepted {event}"),
            Self::Refused(event, kind) => write!(f, "refused {event} {kind}"),
            Self::State { target, state, error } => write!(f, "state {target} {state} {error}"),
            Self::Closed { result, dead } => write!(f, "closed {dead} {result}"),
        }
    }
}

impl FromStr for Entry {
    type Err = Error;

    fn from_str(line: &str) -> Result<Self> {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().with_context(|| format!("a word is missing in `{line}`"));
        Ok(match word()? {
            "accepted" => Self::Accepted(word()?.parse()?),
            "refused" => Self::Refused(word()?.parse()?, word()?.to_owned()),
            "state" => Self::State {
                target: word()?.to_owned(),
                state: word()?.to_owned(),
                error: word()?.to_owned(),
            },
            "closed" => Self::Closed {
                dead: word()?.parse()?,
                result: words.collect::<Vec<_>>().join(" "),
            },
            _ => bail!("unknown line of the ledger: `{line}`"),
        })
    }
}

//! SQLite without the spool: the same columns, one table, one connection.

use std::path::Path;

use driver_events_core::Envelope;
use rusqlite::{Connection, params};

use crate::Failure;

pub(super) struct RawStore(Connection);

impl RawStore {
    pub(super) fn create(path: &Path, synchronous: &str) -> Result<Self, Failure> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.execute_batch(
            "CREATE TABLE events (
                position INTEGER PRIMARY KEY AUTOINCREMENT, spooled_at INTEGER NOT NULL, checksum INTEGER NOT NULL,
                kind TEXT NOT NULL, goal TEXT, id TEXT NOT NULL, source TEXT, type TEXT, time TEXT, run TEXT,
                sequence INTEGER, traceparent TEXT, tracestate TEXT, json BLOB NOT NULL
            ) STRICT",
        )?;
        Ok(Self(connection))
    }

    /// Encodes the events and inserts them in one transaction.
    pub(super) fn insert(&mut self, envelopes: &[Envelope]) -> Result<(), Failure> {
        let transaction = self.0.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO events (spooled_at, checksum, kind, goal, id, source, type, time, run, sequence, traceparent,
                tracestate, json) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?;
            for envelope in envelopes {
                let goal = envelope.goal_id().map(|goal| goal.to_string());
                let time = envelope.time().map(|time| time.to_rfc3339());
                let json = envelope.json().map_err(Clone::clone)?;
                insert.execute(params![
                    1,
                    1,
                    envelope.kind(),
                    goal,
                    envelope.id().as_str(),
                    None::<&str>,
                    None::<&str>,
                    time,
                    None::<&str>,
                    None::<i64>,
                    None::<&str>,
                    None::<&str>,
                    &json[..],
                ])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

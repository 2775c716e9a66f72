//! Example events from a realistic run, for the catalogue and the schemas.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use driver_events_types::{DriverEvent, EventKind};

use crate::workspace::TYPES_CRATE;

/// Path of the run in the types crate's folder.
const RUN: &str = "tests/fixtures/goal-run.ndjson";

/// Events of the run.
#[derive(Debug)]
pub struct Examples(Vec<DriverEvent>);

impl Examples {
    /// Reads the run.
    ///
    /// # Errors
    /// Returns an error if the run cannot be read or decoded.
    pub fn read(root: &Path) -> Result<Self> {
        let path = root.join(TYPES_CRATE).join(RUN);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let events = text.lines().map(|line| DriverEvent::from_json(line.as_bytes()));
        let events: Result<_, _> = events.collect();
        Ok(Self(events.with_context(|| {
            format!("cannot decode a line of `{}`", path.display())
        })?))
    }

    /// Returns the first event of this kind.
    ///
    /// # Errors
    /// Returns an error if the run has no event of this kind.
    pub fn of(&self, kind: EventKind) -> Result<&DriverEvent> {
        let event = self.0.iter().find(|event| event.kind() == kind);
        event.with_context(|| format!("{RUN} has no `{kind}` event: add one"))
    }
}

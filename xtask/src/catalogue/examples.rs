//! Examples from a realistic run.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use driver_events_types::{DriverEvent, EventKind};

use crate::workspace::TYPES_CRATE;

/// Path of the run in the types crate's folder.
const RUN: &str = "tests/fixtures/goal-run.ndjson";

/// Events of the run.
pub(super) struct Examples(Vec<DriverEvent>);

impl Examples {
    /// Reads the run.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let path = root.join(TYPES_CRATE).join(RUN);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let events = text.lines().map(|line| DriverEvent::from_json(line.as_bytes()));
        let events: Result<_, _> = events.collect();
        Ok(Self(events.with_context(|| {
            format!("cannot decode a line of `{}`", path.display())
        })?))
    }

    /// Returns the first event of this kind as indented JSON, its fields in wire order.
    pub(super) fn of(&self, kind: EventKind) -> Result<String> {
        let event = self.0.iter().find(|event| event.kind() == kind);
        let event = event.with_context(|| format!("{RUN} has no `{kind}` event: add one"))?;
        Ok(serde_json::to_string_pretty(event)?)
    }
}

use driver_events::EventId;
use uuid::{Uuid, uuid};

/// UUID namespace of line ids. It must never change: a line has the same id in every version.
const LINE_ID_NAMESPACE: Uuid = uuid!("558f219d-97c2-4730-925b-4e51c6757593");

/// Generates the ids of the bare events of one source.
///
/// An id is the version 5 UUID, in [`LINE_ID_NAMESPACE`], of the source name, a NUL, the line number (decimal, from 1),
/// a NUL, and the line without its ending. A file that is published twice yields the same ids, so a broker or reader that
/// removes duplicates keeps each event once.
pub(super) struct LineIds {
    /// Buffer of the hashed name, reused for every line.
    name: Vec<u8>,
    source_length: usize,
}

impl LineIds {
    pub(super) fn new(source_name: &[u8]) -> Self {
        let mut name = source_name.to_vec();
        name.push(0);
        let source_length = name.len();
        Self { name, source_length }
    }

    pub(super) fn id(&mut self, line_number: u64, line: &[u8]) -> EventId {
        self.name.truncate(self.source_length);
        self.name.extend_from_slice(line_number.to_string().as_bytes());
        self.name.push(0);
        self.name.extend_from_slice(line);
        Uuid::new_v5(&LINE_ID_NAMESPACE, &self.name).into()
    }
}

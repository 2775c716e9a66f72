use driver_events_core::EventId;
use uuid::{Uuid, uuid};

/// The namespace of the ids that lines get. It never changes: the same line has the same id in every version.
const LINES: Uuid = uuid!("558f219d-97c2-4730-925b-4e51c6757593");

/// Gives ids to the lines of one source that have none of their own.
///
/// The id is a UUID of version 5 in the namespace [`LINES`] over the name of the source, a NUL, the number of the line
/// from 1 as decimal text, a NUL, and the bytes of the line without its ending. So the same file published twice gives
/// the same ids, and a broker or a reader that removes duplicates keeps each event once.
pub(super) struct LineIds {
    /// The name that is hashed, kept to spare an allocation for each line.
    name: Vec<u8>,
    source_length: usize,
}

impl LineIds {
    pub(super) fn of_source(source_name: &[u8]) -> Self {
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
        Uuid::new_v5(&LINES, &self.name).into()
    }
}

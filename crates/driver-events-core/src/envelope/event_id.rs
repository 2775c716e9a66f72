use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use uuid::fmt::Hyphenated;
use uuid::{ContextV7, Timestamp, Uuid};

use super::attribute_checks::{InvalidAttribute, check_text};
use crate::lock::lock;

/// Identifies one event across retries, replays and transports. Duplicates have equal ids.
///
/// Any valid CloudEvents [`id`](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#id). Generated ids
/// are UUIDs of version 7.
#[derive(Clone)]
pub struct EventId(Text);

/// Orders the ids of one millisecond, and those with an earlier time than the one before.
static COUNTER: Mutex<ContextV7> = Mutex::new(ContextV7::new());

#[derive(Clone)]
enum Text {
    /// A text no longer than a UUID, without an allocation.
    Short {
        length: u8,
        bytes: [u8; Hyphenated::LENGTH],
    },
    Shared(Arc<str>),
}

impl EventId {
    /// Creates an id from a text.
    ///
    /// # Errors
    /// Returns an error if the text is empty or contains a control character or a Unicode noncharacter, which CloudEvents
    /// does not allow.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, InvalidAttribute> {
        let text = text.into();
        check_text("id", &text)?;
        Ok(Self(Text::Shared(text)))
    }

    /// Same as [`new`](Self::new), without an allocation if the text is short.
    pub(crate) fn of_text(text: &str) -> Result<Self, InvalidAttribute> {
        check_text("id", text)?;
        let mut bytes = [0; Hyphenated::LENGTH];
        let (Ok(length), Some(start)) = (u8::try_from(text.len()), bytes.get_mut(..text.len())) else {
            return Ok(Self(Text::Shared(text.into())));
        };
        start.copy_from_slice(text.as_bytes());
        Ok(Self(Text::Short { length, bytes }))
    }

    /// Generates an id with this time since 1970, or the current time. Each id of a process is greater than those before it,
    /// also if its time is earlier.
    pub(super) fn generate(time: Option<Duration>) -> Self {
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let time = time.or_else(|| now().ok()).unwrap_or_default();
        let counter = lock(&COUNTER);
        let time = Timestamp::from_unix(&*counter, time.as_secs(), time.subsec_nanos());
        drop(counter);
        Uuid::new_v7(time).into()
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // The bytes were copied from a text.
            Text::Short { length, bytes } => bytes
                .get(..usize::from(*length))
                .and_then(|text| str::from_utf8(text).ok())
                .unwrap_or_default(),
            Text::Shared(text) => text,
        }
    }
}

impl From<Uuid> for EventId {
    fn from(uuid: Uuid) -> Self {
        let mut bytes = [0; Hyphenated::LENGTH];
        uuid.hyphenated().encode_lower(&mut bytes);
        Self(Text::Short {
            length: Hyphenated::LENGTH as u8,
            bytes,
        })
    }
}

// By hand: ids are equal if their texts are, wherever these are stored.
impl PartialEq for EventId {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for EventId {}

impl PartialOrd for EventId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EventId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for EventId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventId").field(&self.as_str()).finish()
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::{Duration, SystemTime};

    use uuid::Uuid;

    use super::EventId;

    #[test]
    fn ids_of_one_text_are_equal_however_they_were_created() {
        let uuid = Uuid::from_u128(7);
        let long = "ü".repeat(100);
        for text in ["a", "an id/ü", &uuid.to_string(), &long] {
            let (new, of_text) = (EventId::new(text).unwrap(), EventId::of_text(text).unwrap());
            assert_eq!((new.as_str(), of_text.as_str()), (text, text));
            assert_eq!(new.cmp(&of_text), std::cmp::Ordering::Equal);
            assert!(HashSet::from([new]).contains(&of_text));
            assert_eq!(format!("{of_text:?}"), format!("EventId({text:?})"));
        }
        assert_eq!(EventId::from(uuid), EventId::new(uuid.to_string()).unwrap());
        assert!(EventId::of_text("").is_err());
        assert!(EventId::of_text("a\n").is_err());
    }

    #[test]
    fn generated_ids_ascend_whatever_their_times() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let times = [
            Some(now),
            None,
            now.checked_sub(Duration::from_secs(60)),
            Some(Duration::ZERO),
        ];
        let ids: Vec<_> = times.into_iter().cycle().take(1_000).map(EventId::generate).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn generated_id_has_its_time() {
        // Later than the ids of other tests: no id goes back.
        let later = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + Duration::from_secs(3_600);
        let id = Uuid::parse_str(EventId::generate(Some(later)).as_str()).unwrap();
        let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
        assert_eq!((seconds, nanos / 1_000_000), (later.as_secs(), later.subsec_millis()));
    }
}

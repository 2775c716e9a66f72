//! The value of `Nats-Msg-Id`, by which a stream drops duplicates.
//!
//! CloudEvents 1.0 makes the pair of source and id unique, and each tenant has a prefix of its own: two events of one stream
//! may have the same id. A UUID is unique alone, so it is the key of an event without a prefix. The key of any other event
//! is `driver-events ID SOURCE [PREFIX]`, each part percent-encoded, so that different events have different keys.

use std::borrow::Cow;

use driver_events_core::{Envelope, SOURCE_UNSET};
use driver_events_types::Uuid;

use super::percent;

const MARKER: &str = "driver-events ";
/// Length of a UUID with hyphens.
const UUID_LENGTH: usize = 36;

/// Returns the key of an event, which is a valid header value.
pub(crate) fn of<'a>(envelope: &'a Envelope, prefix: Option<&str>) -> Cow<'a, str> {
    let id = envelope.id().as_str();
    if prefix.is_none() && id.len() == UUID_LENGTH && Uuid::try_parse(id).is_ok() {
        return Cow::Borrowed(id);
    }
    let (id, source) = (percent::encode(id), percent::encode(envelope.source()));
    let mut key = format!("{MARKER}{id} {source}");
    if let Some(prefix) = prefix {
        key.push(' ');
        key.push_str(&percent::encode(prefix));
    }
    Cow::Owned(key)
}

/// Returns the id and the source of the event with this key. The source is `None` if the key does not contain it. The key
/// of another publisher is the id.
pub(crate) fn id_and_source(key: &str) -> (Cow<'_, str>, Option<Cow<'_, str>>) {
    let decode = |text| percent::decode(text).unwrap_or(Cow::Borrowed(text));
    let parts = key.strip_prefix(MARKER).and_then(|parts| parts.split_once(' '));
    let Some((id, rest)) = parts else {
        return (decode(key), None);
    };
    let source = decode(rest.split(' ').next().unwrap_or_default());
    (decode(id), Some(source).filter(|source| source != SOURCE_UNSET))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use driver_events_core::{Envelope, EventId};

    use super::{id_and_source, of};

    const UUID: &str = "6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01";

    fn event(id: &str, source: Option<&str>) -> Envelope {
        let json = r#"{"kind":"escalate","goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01","reason":"x"}"#;
        let envelope = Envelope::from_json(json).unwrap().with_id(EventId::new(id).unwrap());
        match source {
            Some(source) => envelope.with_source(source).unwrap(),
            None => envelope,
        }
    }

    #[test]
    fn uuid_without_prefix_is_its_own_key() {
        assert_eq!(of(&event(UUID, Some("urn:a")), None), UUID);
        assert_eq!(of(&event(UUID, None), None), UUID);
        let tenant = of(&event(UUID, None), Some("tenant-7")).into_owned();
        assert_eq!(tenant, format!("driver-events {UUID} urn:driver-events:unset tenant-7"));
    }

    #[test]
    fn different_events_have_different_keys() {
        let ids = ["1", "2", "1 urn:a", "%20", " ", UUID, "driver-events 1 urn:a"];
        let sources = [None, Some("urn:a"), Some("urn:a%20b"), Some("urn:b")];
        let prefixes = [None, Some("tenant-7"), Some("a.b")];
        let mut keys = HashSet::new();
        let mut count = 0;
        for id in ids {
            for source in sources {
                for prefix in prefixes {
                    // Without a prefix, a UUID is the key.
                    if id == UUID && source.is_some() && prefix.is_none() {
                        continue;
                    }
                    keys.insert(of(&event(id, source), prefix).into_owned());
                    count += 1;
                }
            }
        }
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn key_returns_id_and_source() {
        for (id, source) in [("an id/ü%", Some("urn:a%20b")), ("1", None)] {
            for prefix in [None, Some("tenant-7")] {
                let key = of(&event(id, source), prefix).into_owned();
                let (found_id, found_source) = id_and_source(&key);
                assert_eq!((&*found_id, found_source.as_deref()), (id, source), "{key}");
            }
        }
        assert_eq!(id_and_source(UUID), (UUID.into(), None));
        assert_eq!(id_and_source("100% from%202024"), ("100% from 2024".into(), None));
    }
}

//! The committed schemas are true: a validator that is not ours judges events as the decoder does.

mod differences;
mod documents;
mod headers;
mod javascript;
mod mutations;

pub(super) use self::mutations::mutants_of_all_events;

use driver_events_types::{Decoded, DriverEvent, EventKind, schema};
use jsonschema::Validator;
use serde_json::Value;

/// What the decoder or the schema says about an event.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// An event of this version.
    Known,
    /// An event of a newer publisher.
    Unknown,
    Invalid,
}

/// The strict schema and the readers' schema: of all kinds, or of one.
struct Schemas {
    strict: Validator,
    reader: Validator,
}

impl Schemas {
    fn of_all_kinds() -> Self {
        Self {
            strict: validator(schema::STRICT_EVENT),
            reader: validator(schema::EVENT),
        }
    }

    fn of_kind(kind: EventKind) -> Self {
        Self {
            strict: validator(kind.strict_schema()),
            reader: validator(kind.schema()),
        }
    }

    /// Judges an event. Text that the validator's parser refuses is invalid.
    fn verdict(&self, json: &[u8]) -> Verdict {
        match serde_json::from_slice::<Value>(json) {
            Ok(event) if self.strict.is_valid(&event) => Verdict::Known,
            Ok(event) if self.reader.is_valid(&event) => Verdict::Unknown,
            _ => Verdict::Invalid,
        }
    }
}

fn validator(schema: &str) -> Validator {
    let schema = serde_json::from_str(schema).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

fn verdict_of_decoder(json: &[u8]) -> Verdict {
    let strict = DriverEvent::from_json(json);
    match Decoded::from_json(json) {
        Ok(Decoded::Known(_)) => {
            assert!(strict.is_ok());
            Verdict::Known
        }
        Ok(Decoded::Unknown { .. }) => {
            assert!(strict.is_err());
            Verdict::Unknown
        }
        Err(_) => Verdict::Invalid,
    }
}

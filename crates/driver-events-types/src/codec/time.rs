//! Times as [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) text: UTC, `Z`, and 0, 3, 6 or 9 fractional digits,
//! whichever is the shortest that is exact. Any offset is read.

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use serde::de::{Deserializer, Visitor};
use serde::ser::{Error as _, Serializer};

pub(crate) fn serialize<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    if !is_representable(time) {
        return Err(S::Error::custom(OUT_OF_RANGE));
    }
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    deserializer.deserialize_str(TimeVisitor)
}

pub(crate) const OUT_OF_RANGE: &str = "the time's year in UTC is outside of 0000 to 9999, which RFC 3339 cannot write";

/// RFC 3339 has years of four digits.
pub(crate) fn is_representable(time: &DateTime<Utc>) -> bool {
    (0..=9999).contains(&time.year())
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = DateTime<Utc>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an RFC 3339 time")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<DateTime<Utc>, E> {
        let time = DateTime::parse_from_rfc3339(text)
            .map_err(|error| E::custom(format_args!("{text:?} is not an RFC 3339 time: {error}")))?
            .to_utc();
        if is_representable(&time) {
            Ok(time)
        } else {
            Err(E::custom(OUT_OF_RANGE))
        }
    }
}

//! Times as [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) text. They are written in UTC with `Z` and the fewest of 0,
//! 3, 6 or 9 fractional digits that are exact. Any UTC offset is accepted.

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

pub(crate) const OUT_OF_RANGE: &str = "time out of range: RFC 3339 allows the years 0000 to 9999 in UTC";

/// Returns whether the year has four digits, as RFC 3339 requires.
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
            .map_err(|error| E::custom(format_args!("invalid RFC 3339 time `{}`: {error}", text.escape_debug())))?
            .to_utc();
        if is_representable(&time) {
            Ok(time)
        } else {
            Err(E::custom(OUT_OF_RANGE))
        }
    }
}

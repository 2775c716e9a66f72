//! Floats that JSON can write.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serializer};

use super::json;

pub(crate) const NOT_FINITE: &str = "JSON has no NaN and no infinities";

/// serde_json alone would write NaN and infinities as `null`.
pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() {
        serializer.serialize_f64(*value)
    } else {
        Err(S::Error::custom(NOT_FINITE))
    }
}

/// serde_json's `arbitrary_precision` reads a number that is too large as infinity.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let value = f64::deserialize(deserializer)?;
    if value.is_finite() {
        Ok(value)
    } else {
        Err(D::Error::custom(json::OUT_OF_RANGE))
    }
}

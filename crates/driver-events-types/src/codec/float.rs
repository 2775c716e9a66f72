//! Floats, restricted to those that JSON can represent.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serializer};

use super::json;

pub(crate) const NOT_FINITE: &str = "float is not finite: JSON cannot represent NaN or infinity";

/// Refuses NaN and infinity, which serde_json writes as `null`.
pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() {
        serializer.serialize_f64(*value)
    } else {
        Err(S::Error::custom(NOT_FINITE))
    }
}

/// Refuses infinity, which serde_json returns for an out-of-range number if `arbitrary_precision` is enabled.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let value = f64::deserialize(deserializer)?;
    if value.is_finite() {
        Ok(value)
    } else {
        Err(D::Error::custom(json::OUT_OF_RANGE))
    }
}

//! Floats that JSON can write.

use serde::ser::{Error, Serializer};

pub(crate) const NOT_FINITE: &str = "JSON has no NaN and no infinities";

/// serde_json alone would write NaN and infinities as `null`.
pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() {
        serializer.serialize_f64(*value)
    } else {
        Err(S::Error::custom(NOT_FINITE))
    }
}

//! The JSON codec: serde does the work, and what serde_json alone would get wrong is put right here.

pub(crate) mod decode_error;
pub(crate) mod decoded;
pub(crate) mod duration;
pub(crate) mod encode_error;
pub(crate) mod float;
pub(crate) mod json;
pub(crate) mod limits;
pub(crate) mod strict;
pub(crate) mod tagged;
pub(crate) mod time;

mod decode;
mod depth;
mod diagnose;
mod encode;
mod held;
mod leaves;
mod text;
mod walk;

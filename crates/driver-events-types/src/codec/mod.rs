//! The JSON codec. `write` and `read` have the contract's form. serde does the rest; the other modules correct the cases in
//! which serde_json alone breaks the contract.

pub(crate) mod decode_error;
pub(crate) mod decoded;
pub(crate) mod duration;
pub(crate) mod encode_error;
pub(crate) mod float;
pub(crate) mod json;
pub(crate) mod limits;
pub(crate) mod strict;
pub(crate) mod surrogates;
pub(crate) mod tagged;
pub(crate) mod time;

mod buffered_value;
mod decode;
mod depth;
mod diagnose;
mod encode;
mod encode_checks;
mod fault;
mod objects;
mod plain_run;
mod read;
mod text;
mod validate;
mod write;

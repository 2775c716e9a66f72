//! SQL: the schema and everything that reads or writes it.

pub(crate) mod append;
pub(crate) mod check;
pub(crate) mod columns;
pub(crate) mod connection;
pub(crate) mod read;
pub(crate) mod schema;
pub(crate) mod settle;
pub(crate) mod space;
pub(crate) mod store_error;
pub(crate) mod targets;

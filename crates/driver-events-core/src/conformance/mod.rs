//! The suite of properties that every sink and every decorator holds to.

mod fixture;

pub use fixture::{Capabilities, Fixture};

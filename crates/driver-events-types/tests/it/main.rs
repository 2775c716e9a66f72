//! The contract, held to the letter.

mod fixtures;

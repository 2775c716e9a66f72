//! The fuzz target of `driver_events_fuzz::ndjson`.
#![allow(unexpected_cfgs, reason = "cargo-fuzz sets `fuzzing`")]
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driver_events_fuzz::ndjson(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    driver_events_fuzz::replay(driver_events_fuzz::ndjson)
}

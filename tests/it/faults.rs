//! The short form of `cargo xtask faults`: every scenario that starts quickly, once, with fewer faults.

use std::process::Command;

#[test]
fn nats_guarantees_hold_under_faults() {
    eprintln!("{}", faults("nats"));
}

#[test]
fn kafka_guarantees_hold_under_faults() {
    eprintln!("{}", faults("kafka"));
}

#[test]
fn foreign_input_stops_no_source() {
    eprintln!("{}", faults("foreign"));
}

#[test]
fn spool_delivers_every_accepted_event() {
    eprintln!("{}", faults("delivery"));
}

/// Runs the campaign and returns its table.
fn faults(campaign: &str) -> String {
    let program = env!("CARGO_BIN_EXE_faults");
    let output = Command::new(program).args([campaign, "--short"]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{progress}\n{table}");
    assert!(table.contains(" 0 lost, 0 duplicates, 0 out of order"), "{table}");
    table
}

#[test]
fn name_of_no_scenario_is_an_error() {
    let mut faults = Command::new(env!("CARGO_BIN_EXE_faults"));
    let output = faults.args(["nats", "--only", "mqtt"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]));
    assert!(stderr.starts_with("no scenario contains `mqtt`: "), "{stderr}");
}

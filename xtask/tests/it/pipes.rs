//! A closed pipe, as in `cargo xtask brokers status | head -1`, is neither an error nor a panic.

use std::io;
use std::process::Command;

/// Runs the command with stdout and stderr closed, and returns its exit code.
fn exit_code(arguments: &[&str]) -> Option<i32> {
    let target = tempfile::tempdir().unwrap();
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask
        .args(arguments)
        .env("PATH", "")
        .env("CARGO_TARGET_DIR", target.path());
    xtask.stdout(writer.try_clone().unwrap()).stderr(writer);
    xtask.status().unwrap().code()
}

#[test]
fn closed_pipes_do_not_change_the_exit_code() {
    assert_eq!(exit_code(&["catalogue", "--check"]), Some(0));
    assert_eq!(exit_code(&["help"]), Some(0));
    // No tool is on the PATH, and the error cannot be printed.
    assert_eq!(exit_code(&["prerequisites"]), Some(1));
    assert_eq!(exit_code(&["subjects"]), Some(2));
}

#[test]
fn status_of_servers_is_printed_into_a_closed_pipe() {
    assert_eq!(exit_code(&["brokers", "status"]), Some(0));
}

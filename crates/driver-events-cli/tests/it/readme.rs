use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::tempdir;

use crate::support::GOAL_RUN;

/// The examples are run as they stand there, one after the other, in a folder with a run in it.
#[test]
fn the_examples_work() {
    let readme = include_str!("../../README.md");
    let examples: Vec<&str> = readme
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(examples.len() >= 3);
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("run.ndjson"), GOAL_RUN).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_driver-events"));
    let mut path = vec![binary.parent().unwrap().to_owned()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap()));
    for example in examples {
        let output = Command::new("sh")
            .args(["-eu", "-c", example])
            .current_dir(folder.path())
            .env("PATH", env::join_paths(&path).unwrap())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{example}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!output.stdout.is_empty(), "{example}");
    }
}

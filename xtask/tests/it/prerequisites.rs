//! `cargo xtask test` on a machine with the tools of Rust, C, C++ and git only.

use std::env;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const TOOLS: [&str; 9] = ["cargo", "rustc", "cc", "c++", "make", "git", "sh", "bash", "env"];

/// Variables that replace tools.
const VARIABLES: [&str; 9] = [
    "INTEROP_GO",
    "INTEROP_PYTHON",
    "JAVA_HOME",
    "KAFKA_HOME",
    "NATS_SERVER",
    "OPENSSL_DIR",
    "OPENSSL_INCLUDE_DIR",
    "OPENSSL_LIB_DIR",
    "PKG_CONFIG",
];

/// A `PATH` of symbolic links, and an empty target folder: no server is installed.
struct MinimalMachine(TempDir);

impl MinimalMachine {
    fn new(tools: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for tool in tools {
            symlink(find(tool), folder.path().join(tool)).unwrap();
        }
        Self(folder)
    }

    fn xtask(&self, arguments: &[&str]) -> Output {
        let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
        for variable in VARIABLES {
            xtask.env_remove(variable);
        }
        xtask.env("PATH", self.0.path());
        xtask.env("CARGO_TARGET_DIR", self.0.path().join("target"));
        xtask.args(arguments).output().unwrap()
    }
}

fn find(tool: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap();
    let mut candidates = env::split_paths(&path).map(|folder| folder.join(tool));
    candidates.find(|candidate| candidate.is_file()).expect(tool)
}

#[test]
fn test_lists_every_missing_tool_before_anything_else() {
    let machine = MinimalMachine::new(&TOOLS);
    let start = Instant::now();
    let output = machine.xtask(&["test"]);
    let elapsed = start.elapsed();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");

    let listed = |line: &&str| line.starts_with("  ") && line.contains(": ") && !line.starts_with("   ");
    let listed: Vec<_> = stderr
        .lines()
        .map(|line| line.trim_start_matches("  caused by: "))
        .filter(listed)
        .collect();
    let expected = [
        "  OpenSSL headers: `pkg-config`, which finds them, is not on the PATH",
        "  Go: `go` is not on the PATH",
        "  Python 3 with pip: `python3` is not on the PATH",
        "  Node with npm: `node` is not on the PATH",
        "  Java: `java` is not on the PATH",
        "  Maven: `mvn` is not on the PATH",
        "  Debian: apt-get install libssl-dev pkg-config golang-go python3 python3-pip nodejs npm default-jre-headless maven",
        "  Homebrew: brew install openssl@3 pkg-config go python node openjdk maven",
    ];
    assert!(listed.starts_with(&expected), "{stderr}");
    assert!(stderr.contains("6 tools are missing:"), "{stderr}");
    assert!(
        stderr.contains("needed for: the consumers in docs/consumers/python"),
        "{stderr}"
    );
    let steps: Vec<_> = stderr.lines().filter(|line| line.starts_with("=== ")).collect();
    assert!(
        matches!(steps[..], [step] if step.ends_with(" prerequisites")),
        "{steps:?}"
    );
}

#[test]
fn tests_checks_the_machine_before_it_builds() {
    let output = MinimalMachine::new(&TOOLS).xtask(&["tests"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("6 tools are missing:"), "{stderr}");
    assert!(!stderr.contains("cargo test"), "{stderr}");
}

#[test]
fn missing_cxx_compiler_is_named_with_its_user() {
    let tools: Vec<_> = TOOLS.into_iter().filter(|tool| *tool != "c++").collect();
    let output = MinimalMachine::new(&tools).xtask(&["prerequisites", "--no-brokers"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for line in [
        "1 tool is missing:",
        "  C++ compiler: ",
        "needed for: librdkafka's configure",
        "apt-get install g++",
    ] {
        assert!(stderr.contains(line), "{line}: {stderr}");
    }
}

#[test]
fn minimal_machine_has_all_that_no_brokers_needs() {
    let machine = MinimalMachine::new(&TOOLS);
    for options in [&["--no-brokers"][..], &["--without", "nats", "--without", "kafka"]] {
        let output = machine.xtask(&[&["prerequisites"], options].concat());
        assert!(
            output.status.success(),
            "{options:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn no_brokers_and_without_exclude_each_other() {
    let output = MinimalMachine::new(&[]).xtask(&["test", "--no-brokers", "--without", "kafka"]);
    assert_eq!(output.status.code(), Some(2));
}

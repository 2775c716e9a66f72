#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::transport::Transport;
use crate::workspace;

/// Every tool, as a script, in the version that is needed.
const TOOLS_OF_A_COMPLETE_MACHINE: [(&str, &str); 11] = [
    ("git", "echo git version 2.39.5"),
    ("cc", ""),
    ("c++", ""),
    ("make", ""),
    ("bash", ""),
    ("pkg-config", ""),
    ("go", "echo go1.26.8; echo local"),
    ("python3", "echo Python 3.11.7"),
    ("node", "echo v20.19.4"),
    ("npm", ""),
    ("java", "echo 'openjdk version \"17.0.15\" 2025-04-15' >&2"),
];

/// A machine whose `PATH` is one folder of scripts.
struct FakeMachine {
    folder: TempDir,
    machine: Machine,
}

impl FakeMachine {
    fn with(tools: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine {
            path: vec![folder.path().to_owned()],
            ..Machine::default()
        };
        let fake = Self { folder, machine };
        for (name, script) in tools {
            fake.install(name, script);
        }
        fake
    }

    fn complete() -> Self {
        let fake = Self::with(&TOOLS_OF_A_COMPLETE_MACHINE);
        fake.install("mvn", "");
        fake
    }

    fn install(&self, name: &str, script: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Another process writes the script. If this one did, a child of another test could inherit the open file, and
        // running the script would fail with "text file busy".
        let write = "printf '%s\n' '#!/bin/sh' \"$2\" > \"$1\" && chmod 755 \"$1\"";
        let mut shell = Command::new("sh");
        shell.args(["-c", write, "sh"]).arg(&path).arg(script);
        assert!(shell.status().unwrap().success());
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.folder.path().join(name)).unwrap();
    }

    fn set(&mut self, variable: &str, value: impl AsRef<Path>) {
        let value = value.as_ref().as_os_str().to_owned();
        self.machine.variables.insert(variable.into(), value);
    }

    fn missing(&self, selection: &Selection) -> Vec<(&'static str, String)> {
        let missing = missing(selection, &self.machine).into_iter();
        missing.map(|Missing { tool, found }| (tool.name, found)).collect()
    }

    /// Returns the finding for the only missing tool.
    fn only_missing(&self, name: &str) -> String {
        let missing = self.missing(&Selection::default());
        assert_eq!(missing.len(), 1, "{missing:?}");
        assert_eq!(missing[0].0, name);
        missing[0].1.clone()
    }
}

fn all() -> Selection {
    Selection::default()
}

fn no_brokers() -> Selection {
    Selection {
        no_brokers: true,
        ..all()
    }
}

fn without(transport: Transport) -> Selection {
    Selection {
        without: vec![transport],
        ..all()
    }
}

fn names(missing: &[(&'static str, String)]) -> Vec<&'static str> {
    missing.iter().map(|(name, _)| *name).collect()
}

#[test]
fn complete_machine_lacks_nothing() {
    assert_eq!(FakeMachine::complete().missing(&all()), []);
}

#[test]
fn empty_machine_lacks_every_tool() {
    let missing = FakeMachine::with(&[]).missing(&all());
    let expected = [
        "git",
        "C compiler `cc`",
        "C++ compiler",
        "make",
        "bash",
        "OpenSSL headers",
        "Go",
        "Python 3 with pip",
        "Node with npm",
        "Java",
        "Maven",
    ];
    assert_eq!(names(&missing), expected);
    assert_eq!(missing[6].1, "`go` is not on the PATH");
}

#[test]
fn selections_need_only_their_tools() {
    let machine = FakeMachine::with(&[("git", "echo git version 2.39.5"), ("cc", "")]);
    let server = "nats-server, or Go or Python to install it";
    let librdkafka = ["C++ compiler", "make", "bash"];
    let (mut kafka, mut both) = (librdkafka.to_vec(), all());
    kafka.extend(["OpenSSL headers", "Java", "Maven"]);
    both.without = Transport::ALL.to_vec();
    assert_eq!(names(&machine.missing(&no_brokers())), librdkafka);
    assert_eq!(names(&machine.missing(&without(Transport::Kafka))), [server]);
    assert_eq!(names(&machine.missing(&without(Transport::Nats))), kafka);
    assert_eq!(machine.missing(&both), []);
}

#[test]
fn old_versions_are_missing_tools() {
    for (tool, program, script, found) in [
        (
            "git",
            "git",
            "echo git version 2.20.1",
            "found 2.20, but 2.28 or newer is needed",
        ),
        (
            "Go",
            "go",
            "echo go1.19.8; echo",
            "found 1.19, but 1.26 or newer is needed",
        ),
        (
            "Go",
            "go",
            "echo go1.24.4; echo local",
            "found 1.24, but 1.26 or newer is needed",
        ),
        (
            "Python 3 with pip",
            "python3",
            "echo Python 3.6.8",
            "found 3.6, but 3.10 or newer is needed",
        ),
        (
            "Node with npm",
            "node",
            "echo v18.20.4",
            "found 18.20, but 20 or newer is needed",
        ),
        (
            "Java",
            "java",
            "echo 'java version \"1.8.0_402\"' >&2",
            "found 1.8, but 17 or newer is needed",
        ),
        ("Java", "java", "exit 1", "`java -version` fails"),
    ] {
        let machine = FakeMachine::complete();
        machine.install(program, script);
        assert_eq!(machine.only_missing(tool), found);
    }
}

#[test]
fn go_that_downloads_toolchains_is_enough() {
    let machine = FakeMachine::complete();
    machine.install("go", "echo go1.24.4; echo auto");
    assert_eq!(machine.missing(&all()), []);
}

#[test]
fn python_without_pip_is_missing() {
    let machine = FakeMachine::complete();
    machine.install("python3", "[ \"$1\" = --version ] && echo Python 3.11.7");
    assert_eq!(machine.only_missing("Python 3 with pip"), "`python3` has no pip");
}

#[test]
fn node_without_npm_is_missing() {
    let machine = FakeMachine::complete();
    machine.remove("npm");
    assert_eq!(machine.only_missing("Node with npm"), "`npm` is not on the PATH");
}

#[test]
fn pkg_config_must_find_openssl() {
    let machine = FakeMachine::complete();
    machine.install("pkg-config", "exit 1");
    assert_eq!(
        machine.only_missing("OpenSSL headers"),
        "pkg-config does not find `openssl`"
    );
    machine.remove("pkg-config");
    let found = machine.only_missing("OpenSSL headers");
    assert_eq!(found, "`pkg-config`, which finds them, is not on the PATH");
    machine.install("pkgconf", "");
    assert_eq!(machine.missing(&all()), []);
}

#[test]
fn any_cxx_compiler_of_configure_is_enough() {
    let mut machine = FakeMachine::complete();
    machine.remove("c++");
    machine.only_missing("C++ compiler");
    for program in ["g++", "clang++"] {
        machine.install(program, "");
        assert_eq!(machine.missing(&all()), [], "{program}");
        machine.remove(program);
    }
    machine.install("elsewhere/c++-14", "");
    machine.set("CXX", machine.folder.path().join("elsewhere/c++-14"));
    assert_eq!(machine.missing(&all()), []);
}

#[test]
fn variables_replace_tools() {
    let mut machine = FakeMachine::complete();
    for (tool, variable, value, program, script) in [
        ("go", "INTEROP_GO", "opt/go", "opt/go", "echo go1.26.1; echo local"),
        (
            "python3",
            "INTEROP_PYTHON",
            "opt/python",
            "opt/python",
            "echo Python 3.12.0",
        ),
        (
            "java",
            "JAVA_HOME",
            "opt/jdk",
            "opt/jdk/bin/java",
            "echo 'openjdk version \"21\"'",
        ),
    ] {
        let value = machine.folder.path().join(value);
        machine.remove(tool);
        machine.set(variable, &value);
        assert_eq!(machine.missing(&all()).len(), 1, "{variable} names no program");
        machine.install(program, script);
        // Go and Python install nats-server, too, if they are on the PATH.
        machine.machine.nats_server = Some(Ok(()));
        assert_eq!(machine.missing(&all()), [], "{variable}");
    }
    machine.remove("pkg-config");
    machine.install("opt/ssl/include/openssl/opensslv.h", "");
    machine.set("OPENSSL_DIR", machine.folder.path().join("opt/ssl"));
    assert_eq!(machine.missing(&all()), []);
    machine.set("OPENSSL_DIR", "/nonexistent");
    let found = machine.only_missing("OpenSSL headers");
    assert_eq!(found, "`/nonexistent/include/openssl/opensslv.h` does not exist");
}

#[test]
fn installed_servers_need_no_installer() {
    let mut machine = FakeMachine::complete();
    machine.remove("mvn");
    machine.only_missing("Maven");
    machine.machine.kafka = Some(Ok(()));
    assert_eq!(machine.missing(&all()), []);

    machine.remove("go");
    machine.remove("python3");
    let without_kafka = without(Transport::Kafka);
    assert_eq!(machine.missing(&without_kafka).len(), 1);
    machine.machine.nats_server = Some(Ok(()));
    assert_eq!(machine.missing(&without_kafka), []);
}

#[test]
fn broken_servers_in_variables_are_reported() {
    let mut machine = FakeMachine::complete();
    machine.machine.kafka = Some(Err("KAFKA_HOME names a Kafka 3.9.1".to_owned()));
    assert_eq!(machine.only_missing("Kafka"), "KAFKA_HOME names a Kafka 3.9.1");
    machine.machine.kafka = None;
    machine.machine.nats_server = Some(Err("NATS_SERVER names /nonexistent".to_owned()));
    machine.only_missing("nats-server, or Go or Python to install it");
}

#[test]
fn report_has_the_commands_that_install_everything() {
    let machine = FakeMachine::with(&[]);
    let report = report(&missing(&all(), &machine.machine));
    for line in [
        "11 tools are missing:",
        "  Go: `go` is not on the PATH",
        "    needed for: nats-server, the consumers in docs/consumers/go",
        "  Debian: apt-get install git gcc libc6-dev g++ make bash libssl-dev pkg-config golang-go python3 \
         python3-pip nodejs npm default-jre-headless maven",
        "  Homebrew: brew install git openssl@3 pkg-config go python node openjdk maven",
    ] {
        assert!(report.lines().any(|found| found == line), "{line}\n{report}");
    }
    assert!(report.contains("https://go.dev/dl"), "{report}");
}

#[test]
fn go_version_is_the_one_of_the_examples() {
    let path = workspace::root().join("docs/consumers/go/go.mod");
    let module = fs::read_to_string(path).unwrap();
    assert_eq!(version::Version::after("\ngo ", &module), Some(tools::MIN_GO));
}

#[test]
fn python_version_is_the_one_of_the_package() {
    let path = workspace::root().join("docs/consumers/python/pyproject.toml");
    let manifest = fs::read_to_string(path).unwrap();
    let required = version::Version::after("\nrequires-python = \">=", &manifest);
    assert_eq!(required, Some(tools::MIN_PYTHON));
}

#[test]
fn node_version_is_the_one_of_the_package() {
    let path = workspace::root().join("docs/consumers/typescript/package.json");
    let package = fs::read_to_string(path).unwrap();
    assert_eq!(
        version::Version::after("\"node\": \">=", &package),
        Some(tools::MIN_NODE)
    );
}

//! The rules of deny.toml, on small workspaces that break them, and the step that checks them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::LazyLock;

use tempfile::TempDir;
use xtask::{deny, workspace};

use crate::repository::Repository;

static CARGO_DENY: LazyLock<PathBuf> = LazyLock::new(|| deny::program(&workspace::root()).unwrap());

/// A workspace with this repository's deny.toml and crates of any name.
struct Workspace(TempDir);

impl Workspace {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(workspace::root().join("deny.toml"), folder.path().join("deny.toml")).unwrap();
        let workspace = Self(folder);
        workspace.write(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n",
        );
        workspace
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Adds a crate. `manifest` follows its name and version.
    fn add(&self, name: &str, manifest: &str) {
        let package = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        self.write(&format!("crates/{name}/Cargo.toml"), &(package + manifest));
        self.write(&format!("crates/{name}/src/lib.rs"), "");
    }

    /// Adds crates of these dependencies: crate, section, dependency.
    fn with(dependencies: &[(&str, &str, &str)]) -> Self {
        let workspace = Self::new();
        for (from, _, to) in dependencies {
            for name in [from, to] {
                let mut manifest = "publish = false\nlicense = \"MIT\"\n".to_owned();
                for (from, section, to) in dependencies {
                    if from == name {
                        manifest.push_str(&format!("[{section}.{to}]\npath = \"../{to}\"\n"));
                    }
                }
                workspace.add(name, &manifest);
            }
        }
        workspace
    }

    fn check(&self, which: &str) -> Output {
        let mut deny = Command::new(&*CARGO_DENY);
        deny.current_dir(self.0.path());
        deny.args(["--offline", "check", "--allow", "unused-wrapper", which]);
        deny.output().unwrap()
    }

    fn expect_failure(&self, which: &str, error: &str) {
        let output = self.check(which);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{error}: passed");
        assert!(stderr.contains(error), "{error}: {stderr}");
    }
}

const NORMAL: &str = "dependencies";
const DEV: &str = "dev-dependencies";

#[test]
fn layers_and_clients_of_the_architecture_pass() {
    let allowed = Workspace::with(&[
        ("driver-events-core", NORMAL, "driver-events-types"),
        ("driver-events-core", DEV, "driver-events-core"),
        ("driver-events-nats", NORMAL, "driver-events-core"),
        ("driver-events-nats", NORMAL, "async-nats"),
        ("driver-events-nats", DEV, "driver-events-harness"),
        ("driver-events-kafka", NORMAL, "rdkafka"),
        ("driver-events-spool", NORMAL, "driver-events-core"),
        ("driver-events-spool", NORMAL, "rusqlite"),
        ("rusqlite", NORMAL, "libsqlite3-sys"),
        ("driver-events", NORMAL, "driver-events-kafka"),
        ("driver-events-cli", NORMAL, "driver-events"),
        ("driver-events-tests", DEV, "driver-events-cli"),
        ("xtask", NORMAL, "driver-events-types"),
    ]);
    let output = allowed.check("bans");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn each_forbidden_dependency_is_reported() {
    for (from, section, to) in [
        ("driver-events-types", NORMAL, "driver-events-core"),
        ("driver-events-types", DEV, "driver-events-harness"),
        ("driver-events-core", DEV, "driver-events-stdout"),
        ("driver-events-core", NORMAL, "driver-events-cli"),
        ("driver-events-nats", NORMAL, "driver-events"),
        ("driver-events-cli", NORMAL, "driver-events-kafka"),
        ("driver-events-nats", NORMAL, "driver-events-kafka"),
        ("driver-events-spool", NORMAL, "driver-events-nats"),
        ("driver-events-harness", NORMAL, "driver-events-types"),
        ("driver-events-tests", NORMAL, "xtask"),
        ("xtask", NORMAL, "driver-events-core"),
        // A new crate.
        ("driver-events-mqtt", NORMAL, "driver-events-core"),
        ("driver-events-stdout", NORMAL, "driver-events-tests"),
        ("driver-events-core", NORMAL, "async-nats"),
        ("driver-events-kafka", NORMAL, "async-nats"),
        ("driver-events-nats", NORMAL, "rdkafka"),
        ("driver-events-core", "build-dependencies", "rusqlite"),
        (
            "driver-events-cli",
            "target.'cfg(windows)'.dependencies",
            "libsqlite3-sys",
        ),
        ("driver-events-nats", NORMAL, "nats"),
        ("driver-events-kafka", NORMAL, "rskafka"),
    ] {
        let workspace = Workspace::with(&[(from, section, to)]);
        workspace.expect_failure("bans", &format!("crate '{to} = 0.1.0' is explicitly banned"));
    }
    let through_another = Workspace::with(&[("driver-events-core", NORMAL, "helper"), ("helper", NORMAL, "rdkafka")]);
    through_another.expect_failure("bans", "crate 'rdkafka = 0.1.0' is explicitly banned");
}

#[test]
fn wildcard_licence_and_source_are_reported() {
    let wildcard = Workspace::with(&[("one", NORMAL, "two")]);
    wildcard.add("one", "license = \"MIT\"\n[dependencies]\ntwo.path = \"../two\"\n");
    wildcard.expect_failure("bans", "wildcard");

    let licence = Workspace::new();
    licence.add("one", "license = \"GPL-3.0-only\"\n");
    licence.expect_failure("licenses", "GPL-3.0-only");

    let source = Workspace::new();
    let elsewhere = Repository::init(&source.0.path().join("elsewhere"));
    elsewhere.write(
        "Cargo.toml",
        "[package]\nname = \"two\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    );
    elsewhere.write("src/lib.rs", "");
    elsewhere.commit_all();
    let url = format!("file://{}", elsewhere.root.display());
    source.add(
        "one",
        &format!("[dependencies]\ntwo = {{ git = \"{url}\", version = \"0.1.0\" }}\n"),
    );
    let fetched = xtask::command::cargo(source.0.path()).arg("fetch").output().unwrap();
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    source.expect_failure("sources", "source-not-allowed");
}

#[test]
fn without_advisories_the_step_passes_and_says_so() {
    LazyLock::force(&CARGO_DENY);
    let mut step = Command::new(env!("CARGO_BIN_EXE_xtask"));
    // No proxy listens there, so git cannot fetch the database.
    step.arg("deny").env("https_proxy", "http://127.0.0.1:1");
    let output = step.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(
        stderr.contains("!!! NOT CHECKED: advisories of the dependencies: no access"),
        "{stderr}"
    );
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("bans ok, licenses ok, sources ok"), "{stdout}");
}

//! The table of tools: how each is found, and what needs it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::machine::Machine;
use super::version::Version;
use crate::selection::Selection;
use crate::transport::Transport;

/// The version that `docs/consumers/go/go.mod` and nats-server's own `go.mod` ask for.
pub(super) const MIN_GO: Version = Version(1, 26);
/// The first Go that downloads the Go that a module asks for.
const MIN_GO_WITH_TOOLCHAINS: Version = Version(1, 21);
/// The `requires-python` of `docs/consumers/python/pyproject.toml`.
pub(super) const MIN_PYTHON: Version = Version(3, 10);
/// The `engines` of `docs/consumers/typescript/package.json`.
pub(super) const MIN_NODE: Version = Version(20, 0);
const MIN_JAVA: Version = Version(17, 0);
/// The first git with `init --initial-branch`.
const MIN_GIT: Version = Version(2, 28);

/// A tool that a machine can lack.
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) needed_for: &'static str,
    /// A setting that replaces the tool.
    pub(super) alternative: Option<&'static str>,
    pub(super) is_needed: fn(&Selection, &Machine) -> bool,
    /// Returns what was found instead of the tool.
    pub(super) probe: fn(&Machine) -> Result<(), String>,
    /// Debian's packages.
    pub(super) debian: &'static [&'static str],
    /// Homebrew's formulas. Apple's command-line tools have the rest.
    pub(super) homebrew: &'static [&'static str],
    /// Advice beyond the packages above.
    pub(super) note: Option<&'static str>,
}

/// All tools, in the order in which a run needs them.
pub(super) const TOOLS: [Tool; 13] = [
    Tool {
        name: "git",
        needed_for: "the gate on names, `vendor`",
        alternative: None,
        is_needed: |_, _| true,
        probe: git,
        debian: &["git"],
        homebrew: &["git"],
        note: None,
    },
    Tool {
        name: "C compiler `cc`",
        needed_for: "linking, the cryptography of rustls, librdkafka",
        alternative: None,
        is_needed: |_, _| true,
        probe: |machine| runs(machine, "cc"),
        debian: &["gcc", "libc6-dev"],
        homebrew: &[],
        note: None,
    },
    Tool {
        name: "C++ compiler",
        needed_for: "librdkafka's configure",
        alternative: Some("CXX names the compiler"),
        is_needed: |selection, _| selection.builds(Transport::Kafka),
        probe: cxx,
        debian: &["g++"],
        homebrew: &[],
        note: None,
    },
    Tool {
        name: "make",
        needed_for: "librdkafka",
        alternative: None,
        is_needed: |selection, _| selection.builds(Transport::Kafka),
        probe: |machine| found(machine, if cfg!(target_os = "freebsd") { "gmake" } else { "make" }),
        debian: &["make"],
        homebrew: &[],
        note: None,
    },
    Tool {
        name: "bash",
        needed_for: "librdkafka's configure",
        alternative: None,
        is_needed: |selection, _| selection.builds(Transport::Kafka),
        probe: |machine| found(machine, "bash"),
        debian: &["bash"],
        homebrew: &[],
        note: None,
    },
    Tool {
        name: "OpenSSL headers",
        needed_for: "TLS for Kafka (the feature `kafka-tls`)",
        alternative: Some("OPENSSL_DIR names the folder with `include` and `lib`"),
        is_needed: |selection, _| selection.has_kafka_tls(),
        probe: openssl,
        debian: &["libssl-dev", "pkg-config"],
        homebrew: &["openssl@3", "pkg-config"],
        note: None,
    },
    Tool {
        name: "Go",
        needed_for: "nats-server, the consumers in docs/consumers/go",
        alternative: Some("INTEROP_GO names the `go` that builds the consumers, NATS_SERVER a nats-server"),
        is_needed: |selection, _| selection.has_end_to_end_tests(),
        probe: |machine| go(machine, machine.variable("INTEROP_GO").unwrap_or(OsStr::new("go"))),
        debian: &["golang-go"],
        homebrew: &["go"],
        note: Some(GO_NOTE),
    },
    Tool {
        name: "Python 3 with pip",
        needed_for: "the consumers in docs/consumers/python",
        alternative: Some("INTEROP_PYTHON names a Python with pip that has their packages"),
        is_needed: |selection, _| selection.has_end_to_end_tests(),
        probe: |machine| match machine.variable("INTEROP_PYTHON") {
            Some(program) => python_with_pip(machine, program),
            None => python_with_pip(machine, "python3".as_ref()),
        },
        debian: &["python3", "python3-pip"],
        homebrew: &["python"],
        note: None,
    },
    Tool {
        name: "Node with npm",
        needed_for: "the package in docs/consumers/typescript, the parser of AsyncAPI",
        alternative: None,
        is_needed: |selection, _| selection.has_end_to_end_tests(),
        probe: node,
        debian: &["nodejs", "npm"],
        homebrew: &["node"],
        note: Some(NODE_NOTE),
    },
    Tool {
        name: "nats-server, or Go or Python to install it",
        needed_for: "the tests of NATS",
        alternative: Some("NATS_SERVER names a nats-server"),
        is_needed: |selection, machine| {
            // Usually the tools of the consumers install the server, too.
            let has_tools = selection.has_end_to_end_tests()
                && (machine.variable("INTEROP_GO").is_none() || machine.variable("INTEROP_PYTHON").is_none());
            let is_broken = matches!(machine.nats_server, Some(Err(_)));
            selection.has_servers(Transport::Nats) && (is_broken || !has_tools)
        },
        probe: nats_server,
        debian: &["python3", "python3-pip"],
        homebrew: &["go"],
        note: None,
    },
    Tool {
        name: "Java",
        needed_for: "Kafka",
        alternative: Some("JAVA_HOME names the folder with `bin/java`"),
        is_needed: |selection, _| selection.has_servers(Transport::Kafka),
        probe: java,
        debian: &["default-jre-headless"],
        homebrew: &["openjdk"],
        note: Some("Java: with Homebrew, also `export JAVA_HOME=\"$(brew --prefix openjdk)\"`"),
    },
    Tool {
        name: "Maven",
        needed_for: "downloading Kafka",
        alternative: Some("KAFKA_HOME names the folder of a Kafka"),
        is_needed: |selection, machine| selection.has_servers(Transport::Kafka) && machine.kafka.is_none(),
        probe: |machine| found(machine, "mvn"),
        debian: &["maven"],
        homebrew: &["maven"],
        note: None,
    },
    Tool {
        name: "Kafka",
        needed_for: "the tests of Kafka",
        alternative: Some("without KAFKA_HOME, Maven downloads Kafka"),
        is_needed: |selection, machine| selection.has_servers(Transport::Kafka) && machine.kafka.is_some(),
        probe: |machine| machine.kafka.clone().unwrap_or(Ok(())),
        debian: &[],
        homebrew: &[],
        note: None,
    },
];

const GO_NOTE: &str = "Go: 1.21 or newer is enough where it may download 1.26 (GOTOOLCHAIN=auto). If your distribution's \
                       is older, as Debian 12's 1.19, install https://go.dev/dl";

const NODE_NOTE: &str = "Node: if your distribution's is older than 20, as Debian 12's 18, install https://nodejs.org";

fn too_old(found: Version, needed: Version) -> String {
    format!("found {found}, but {needed} or newer is needed")
}

fn require(program: &OsStr, version: Option<Version>, needed: Version) -> Result<(), String> {
    match version {
        Some(version) if version >= needed => Ok(()),
        Some(version) => Err(too_old(version, needed)),
        None => Err(format!("`{}` does not print its version", program.display())),
    }
}

fn find(machine: &Machine, program: impl AsRef<OsStr>) -> Result<PathBuf, String> {
    let program = program.as_ref();
    let shown = Path::new(program).display();
    machine.find(program).ok_or_else(|| {
        if Path::new(program).components().count() > 1 {
            format!("`{shown}` does not exist")
        } else {
            format!("`{shown}` is not on the PATH")
        }
    })
}

fn found(machine: &Machine, program: &str) -> Result<(), String> {
    find(machine, program).map(|_| ())
}

/// Finds the program and runs it: macOS has placeholders that fail.
fn output(machine: &Machine, program: impl AsRef<OsStr>, arguments: &[&str]) -> Result<String, String> {
    let path = find(machine, program.as_ref())?;
    let command = || format!("{} {}", program.as_ref().display(), arguments.join(" "));
    machine
        .output(&path, arguments)
        .ok_or_else(|| format!("`{}` fails", command()))
}

fn runs(machine: &Machine, program: &str) -> Result<(), String> {
    output(machine, program, &["--version"]).map(|_| ())
}

fn git(machine: &Machine) -> Result<(), String> {
    let printed = output(machine, "git", &["--version"])?;
    require("git".as_ref(), Version::after("git version ", &printed), MIN_GIT)
}

/// Looks for the compiler as librdkafka's configure does.
fn cxx(machine: &Machine) -> Result<(), String> {
    let from_variable = machine.variable("CXX").and_then(OsStr::to_str);
    let from_variable = from_variable.and_then(|command| command.split_whitespace().next());
    let mut programs = from_variable.into_iter().chain(["g++", "clang++", "c++"]);
    if programs.any(|program| runs(machine, program).is_ok()) {
        return Ok(());
    }
    Err("none of `g++`, `clang++` and `c++` is on the PATH".to_owned())
}

/// Looks for the headers as the build of openssl-sys does.
fn openssl(machine: &Machine) -> Result<(), String> {
    let folder = |name| machine.variable(name).map(PathBuf::from);
    let include = match (folder("OPENSSL_LIB_DIR"), folder("OPENSSL_INCLUDE_DIR")) {
        (Some(_), Some(include)) => Some(include),
        _ => folder("OPENSSL_DIR")
            .or_else(homebrew_openssl)
            .map(|folder| folder.join("include")),
    };
    if let Some(include) = include {
        let header = include.join("openssl/opensslv.h");
        let exists = header.is_file();
        return exists
            .then_some(())
            .ok_or_else(|| format!("`{}` does not exist", header.display()));
    }
    let pkg_config = machine.variable("PKG_CONFIG").unwrap_or(OsStr::new("pkg-config"));
    let program = find(machine, pkg_config).or_else(|_| find(machine, "pkgconf"));
    let missing = |_| format!("`{}`, which finds them, is not on the PATH", pkg_config.display());
    let program = program.map_err(missing)?;
    let flags = machine.output(&program, &["--libs", "--cflags", "openssl"]);
    flags
        .map(|_| ())
        .ok_or_else(|| "pkg-config does not find `openssl`".to_owned())
}

fn homebrew_openssl() -> Option<PathBuf> {
    if !cfg!(target_os = "macos") {
        return None;
    }
    let prefix = if cfg!(target_arch = "aarch64") {
        "/opt/homebrew"
    } else {
        "/usr/local"
    };
    let mut folders = ["openssl@4", "openssl@3", "openssl@3.0"].into_iter();
    folders.find_map(|name| Some(Path::new(prefix).join("opt").join(name)).filter(|folder| folder.exists()))
}

fn go(machine: &Machine, program: &OsStr) -> Result<(), String> {
    let printed = output(machine, program, &["env", "GOVERSION", "GOTOOLCHAIN"])?;
    let version = Version::after("go", &printed);
    let downloads = printed.lines().nth(1).is_some_and(|setting| setting.ends_with("auto"));
    if downloads && version >= Some(MIN_GO_WITH_TOOLCHAINS) {
        return Ok(());
    }
    require(program, version, MIN_GO)
}

fn python(machine: &Machine, program: &OsStr) -> Result<PathBuf, String> {
    let printed = output(machine, program, &["--version"])?;
    require(program, Version::after("Python ", &printed), MIN_PYTHON)?;
    find(machine, program)
}

fn python_with_pip(machine: &Machine, program: &OsStr) -> Result<(), String> {
    let python = python(machine, program)?;
    let pip = machine.output(&python, &["-m", "pip", "--version"]);
    pip.map(|_| ())
        .ok_or_else(|| format!("`{}` has no pip", program.display()))
}

fn node(machine: &Machine) -> Result<(), String> {
    let printed = output(machine, "node", &["--version"])?;
    require("node".as_ref(), Version::after("v", &printed), MIN_NODE)?;
    found(machine, "npm")
}

/// Looks for a server, and for the tools that the harness installs one with.
fn nats_server(machine: &Machine) -> Result<(), String> {
    if let Some(installed) = &machine.nats_server {
        return installed.clone();
    }
    let go = go(machine, "go".as_ref());
    let python = python_with_pip(machine, "python3".as_ref());
    match (go, python) {
        (Err(go), Err(python)) => Err(format!("{go}; {python}")),
        _ => Ok(()),
    }
}

fn java(machine: &Machine) -> Result<(), String> {
    let program = match machine.variable("JAVA_HOME") {
        Some(home) => Path::new(home).join("bin/java"),
        None => PathBuf::from("java"),
    };
    let printed = output(machine, &program, &["-version"])?;
    require(program.as_os_str(), Version::after("version \"", &printed), MIN_JAVA)
}

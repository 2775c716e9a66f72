//! A new project that depends on the packed package.

use std::fs;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::consumers::typescript;

const STRICT: &str = include_str!("tsconfig.json");

#[derive(Debug)]
pub(super) struct NewProject {
    /// Next to the packages of the package: the compiler, and the NATS client.
    folder: TempDir,
}

/// The outcome of decoding a payload.
#[derive(Debug)]
pub(super) enum Outcome {
    Known {
        raw: Vec<u8>,
        event: Value,
        inexact: Vec<String>,
    },
    Unknown {
        raw: Vec<u8>,
        path: String,
    },
    Malformed(#[expect(dead_code, reason = "printed if a test fails")] String),
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    known: bool,
    #[serde(default)]
    raw: String,
    #[serde(default)]
    event: Value,
    #[serde(default)]
    inexact: Vec<String>,
    path: Option<String>,
    error: Option<String>,
}

impl NewProject {
    /// Packs the package, and installs the file.
    pub(super) fn new() -> Self {
        let package = typescript();
        let folder = tempfile::tempdir_in(package.packages()).unwrap();
        let path = folder.path();
        // Packed as it was built: a build of its own would replace the files of other tests.
        run(package
            .npm()
            .args(["pack", "--ignore-scripts", "--silent", "--pack-destination"])
            .arg(path));
        fs::write(
            path.join("package.json"),
            r#"{"name":"dashboard","private":true,"type":"module"}"#,
        )
        .unwrap();
        let mut npm = Command::new("npm");
        // The package has no dependencies: no registry is asked.
        npm.args([
            "install",
            "--offline",
            "--no-audit",
            "--no-fund",
            "./driver-events-0.1.0.tgz",
        ]);
        run(npm.current_dir(path));
        fs::write(path.join("decode.ts"), include_str!("decode.ts")).unwrap();
        fs::write(path.join("tsconfig.json"), STRICT).unwrap();
        let project = Self { folder };
        project.compile("tsconfig.json").unwrap();
        project
    }

    /// Decodes the events with the installed package, without `eval`, as the content security policy of a page may demand.
    pub(super) fn decode(&self, events: &[String]) -> Vec<Outcome> {
        let file = self.folder.path().join("events.ndjson");
        fs::write(&file, events.join("\n") + "\n").unwrap();
        let mut node = Command::new("node");
        node.arg("--disallow-code-generation-from-strings");
        let output = run(node.arg(self.folder.path().join("decode.js")).arg(file));
        let outcomes: Vec<_> = output.lines().map(outcome).collect();
        assert_eq!(outcomes.len(), events.len());
        outcomes
    }

    /// Checks a program strictly, and returns what the compiler printed if it has errors.
    pub(super) fn check_types(&self, name: &str, program: &str) -> Result<(), String> {
        fs::write(self.folder.path().join(name), program).unwrap();
        // The declarations of the NATS client are not checked: they do not pass `exactOptionalPropertyTypes`.
        let settings = STRICT.replace("decode.ts", name);
        let settings = settings.replace("\"strict\": true", "\"strict\": true, \"skipLibCheck\": true");
        fs::write(self.folder.path().join("tsconfig.program.json"), settings).unwrap();
        self.compile("tsconfig.program.json")
    }

    fn compile(&self, settings: &str) -> Result<(), String> {
        let packages = self.folder.path().parent().unwrap();
        let compiler = packages.join("node_modules/typescript/bin/tsc");
        let mut tsc = Command::new("node");
        tsc.arg(compiler)
            .arg("--project")
            .arg(settings)
            .current_dir(self.folder.path());
        let output = tsc.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(()).ok_or(printed)
    }
}

fn outcome(line: &str) -> Outcome {
    let line: Line = serde_json::from_str(line).unwrap();
    if let Some(error) = line.error {
        return Outcome::Malformed(error);
    }
    let raw = decode_latin1(&line.raw);
    match line.path {
        Some(path) if !line.known => Outcome::Unknown { raw, path },
        _ => Outcome::Known {
            raw,
            event: line.event,
            inexact: line.inexact,
        },
    }
}

/// Each character is a byte.
fn decode_latin1(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(char).unwrap()).collect()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

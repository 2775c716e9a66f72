//! The documents say what is true: their commands run, their links lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The lines of the fenced blocks of this language.
pub(super) fn fenced<'a>(markdown: &'a str, language: &str) -> Vec<&'a str> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in markdown.lines() {
        match line.strip_prefix("```") {
            Some(opened) => inside = !inside && opened == language,
            None if inside => lines.push(line),
            None => {}
        }
    }
    lines
}

#[test]
fn the_commands_of_the_readme_run() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("events.ndjson");
    let commands: Vec<String> = fenced(&readme, "sh")
        .into_iter()
        .filter(|line| line.starts_with("cargo run "))
        .map(|line| line.replace("/tmp/events.ndjson", written.to_str().unwrap()))
        .collect();
    assert!(commands.len() >= 4, "{commands:?}");
    for command in commands {
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(root())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {}\n{stderr}", output.status);
        assert!(
            !output.stdout.is_empty() || command.contains("--to file:"),
            "{command} printed nothing"
        );
    }
    let fixture = root().join("crates/driver-events-types/tests/fixtures/goal-run.ndjson");
    assert_eq!(fs::read(written).unwrap(), fs::read(fixture).unwrap());
}

#[test]
fn links_between_documents_lead_somewhere() {
    let documents = [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/architecture.md",
        "docs/delivery.md",
        "docs/events.md",
        "docs/nats.md",
        "docs/writing-a-sink.md",
        "docs/adr/README.md",
    ];
    for document in documents {
        let path = root().join(document);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {error}"));
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            if !file.is_empty() && !file.contains("://") {
                assert!(
                    path.parent().unwrap().join(file).exists(),
                    "{document} links to {target}"
                );
            }
        }
    }
}

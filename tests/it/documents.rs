//! The documents say what is true: their commands run, their links lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The lines of the fenced blocks of this language.
fn fenced<'a>(markdown: &'a str, language: &str) -> Vec<&'a str> {
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

/// The pages of the project and of its crates.
fn documents() -> Vec<PathBuf> {
    let folders = [
        root(),
        root().join("docs"),
        root().join("docs/adr"),
        root().join("tests/harness"),
    ];
    folders
        .into_iter()
        .chain(files(&root().join("crates")))
        .flat_map(|folder| files(&folder))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let documents = documents();
    assert!(documents.len() >= 15, "{documents:?}");
    for path in documents {
        let text = fs::read_to_string(&path).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            if !file.is_empty() && !file.contains("://") {
                assert!(
                    path.parent().unwrap().join(file).exists(),
                    "{} links to {target}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn every_crate_carries_the_licences_to_the_byte() {
    for folder in files(&root().join("crates")) {
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let (ours, theirs) = (fs::read(root().join(licence)).unwrap(), fs::read(folder.join(licence)));
            assert!(
                theirs.is_ok_and(|theirs| theirs == ours),
                "{}/{licence}",
                folder.display()
            );
        }
    }
}

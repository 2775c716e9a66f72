use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::fingerprint;
use crate::folders;
use crate::provision::{install_once, run};

/// Folders that npm and its scripts write. A developer's own are not copied.
const GENERATED: [&str; 3] = ["node_modules", "dist", "build"];
const LOCK_FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// A copy of a project for Node, with its packages.
#[derive(Debug)]
pub struct NodeProject {
    folder: PathBuf,
}

/// Returns a copy of the project in `source`, with the packages of its `package-lock.json`, after `npm run SCRIPT`.
///
/// Both are done once, until a file of the project changes.
///
/// # Errors
/// Returns an error, with what to install, if there is no Node or npm fails.
pub fn node_project(source: &Path, script: Option<&str>) -> Result<NodeProject> {
    let mut files = Vec::new();
    collect_files(source, Path::new(""), &mut files).with_context(|| format!("cannot read `{}`", source.display()))?;
    files.sort();
    let locked: Vec<_> = files
        .iter()
        .filter(|(path, _)| LOCK_FILES.map(PathBuf::from).contains(path))
        .collect();
    let context = || {
        format!(
            "cannot install the project `{}`: install Node 20 with npm",
            source.display()
        )
    };
    let packages = folders::brokers().join(format!("node-{:016x}", fingerprint(&locked)));
    let install = |temporary: &Path| {
        let folder = temporary.join("packages");
        write_files(&folder, locked.iter().copied())?;
        // Packages may not run code while they are installed.
        run(npm_in(&folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
        Ok(folder)
    };
    install_once(&packages, install).with_context(context)?;

    // Node finds the packages in a folder above.
    let folder = packages.join(format!("{:016x}", fingerprint((&files, script))));
    let build = |temporary: &Path| {
        let copy = temporary.join("copy");
        write_files(&copy, &files)?;
        if let Some(script) = script {
            run(npm_in(&copy).args(["run", "--silent", script]))?;
        }
        Ok(copy)
    };
    install_once(&folder, build).with_context(context)?;
    Ok(NodeProject { folder })
}

impl NodeProject {
    /// Returns the folder of the copy.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the folder in which other projects find the packages, too.
    #[must_use]
    pub fn packages(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// Returns a command that runs this script of the project.
    #[must_use]
    pub fn command(&self, script: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(self.folder.join(script));
        command
    }

    /// Returns the command `npm`, in the copy.
    #[must_use]
    pub fn npm(&self) -> Command {
        npm_in(&self.folder)
    }
}

fn npm_in(folder: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(folder);
    npm
}

/// Appends the files below `root` with their paths and contents.
fn collect_files(root: &Path, folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if !entry.file_type()?.is_dir() {
            files.push((path, fs::read(entry.path())?));
        } else if !GENERATED.map(PathBuf::from).contains(&path) {
            collect_files(root, &path, files)?;
        }
    }
    Ok(())
}

fn write_files<'a>(folder: &Path, files: impl IntoIterator<Item = &'a (PathBuf, Vec<u8>)>) -> Result<()> {
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, content)?;
    }
    Ok(())
}

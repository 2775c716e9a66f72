use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::contract::List;

/// A test's git repository, on the branch `main`.
pub(crate) struct Repository {
    pub(crate) root: PathBuf,
}

impl Repository {
    pub(crate) fn init(root: &Path) -> Self {
        fs::create_dir_all(root).unwrap();
        let repository = Self { root: root.to_owned() };
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        repository
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    pub(crate) fn commit_all(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "a commit"]);
    }

    /// Commits a list of these lines.
    pub(crate) fn commit_list(&self, lines: &[&str]) {
        self.write(
            List::Subjects.path(),
            &lines.iter().map(|line| format!("{line}\n")).collect::<String>(),
        );
        self.commit_all();
    }

    /// Runs git with a fixed user, independent of this machine's configuration.
    pub(crate) fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        command
            .current_dir(&self.root)
            .args(["-c", "user.name=test", "-c", "user.email=test@example.org"]);
        command
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(variable);
        }
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

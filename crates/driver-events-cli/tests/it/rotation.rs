//! Followed files whose writers rotate them, as logrotate and its kin do.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use tempfile::{TempDir, tempdir};

use crate::support::{Running, escalate};

/// Writer of a followed file.
struct Writer {
    folder: TempDir,
    path: PathBuf,
    file: File,
    running: Running,
    /// Number of lines written.
    lines: u32,
    /// Lines that the command must print next.
    expected: VecDeque<String>,
    rotations: u32,
    /// Whether a line of the current file was printed.
    is_seen: bool,
    /// Whether the current file ends with a part of a line.
    is_torn: bool,
}

impl Writer {
    fn start() -> Self {
        let folder = tempdir().unwrap();
        let path = folder.path().join("a.log");
        let file = File::create(&path).unwrap();
        Self {
            running: Running::start(["tail", "--follow", "--from", &format!("file:{}", path.display())]),
            folder,
            path,
            file,
            lines: 0,
            expected: VecDeque::new(),
            rotations: 0,
            is_seen: false,
            is_torn: false,
        }
    }

    /// Writes lines of equal length, the last of them in two parts.
    fn write(&mut self, count: u32) {
        for _ in 0..count {
            self.lines += 1;
            let line = escalate(&format!("line {:06}", self.lines));
            let (start, end) = line.split_at(50);
            self.file.write_all(start.as_bytes()).unwrap();
            self.file.write_all(format!("{end}\n").as_bytes()).unwrap();
            if std::mem::take(&mut self.is_torn) {
                // The line is a part of the torn one.
                continue;
            }
            self.expected.push_back(line);
        }
    }

    /// Waits until all lines are printed, each once and in order.
    fn wait(&mut self) {
        while let Some(line) = self.expected.pop_front() {
            assert_eq!(self.running.stdout_line(), line);
            self.is_seen = true;
        }
    }

    /// Waits until the command has the current file open. A file that is moved before is not seen.
    fn wait_until_seen(&mut self) {
        if !self.is_seen {
            self.write(2);
        }
        self.wait();
    }

    fn move_away(&mut self) {
        self.wait_until_seen();
        self.rotations += 1;
        let old = self.folder.path().join(format!("a.log.{}", self.rotations));
        fs::rename(&self.path, old).unwrap();
    }

    /// Creates the file. The writer has the old one until [`Self::reopen`].
    fn create(&self) {
        File::create(&self.path).unwrap();
    }

    fn reopen(&mut self) {
        self.file = OpenOptions::new().append(true).open(&self.path).unwrap();
        self.is_seen = false;
        self.is_torn = false;
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Write(count) => self.write(count),
            Step::Wait => self.wait(),
            Step::Tear => {
                self.file.write_all(br#"{"kind":"escalate","goal_id":"000"#).unwrap();
                self.is_torn = true;
            }
            Step::Create { before, after } => {
                self.move_away();
                self.write(before);
                self.create();
                self.write(after);
                self.reopen();
            }
            Step::Delete { late } => {
                self.wait_until_seen();
                fs::remove_file(&self.path).unwrap();
                self.create();
                self.write(late);
                self.reopen();
            }
            Step::CopyTruncate { after } => {
                self.file = OpenOptions::new().append(true).open(&self.path).unwrap();
                self.wait();
                // Lines written between the last look and the truncation are lost.
                self.file.set_len(0).unwrap();
                self.is_torn = false;
                self.write(after);
            }
            Step::TruncateUnderWriter { after } => {
                self.file = OpenOptions::new().write(true).open(&self.path).unwrap();
                self.file.seek(SeekFrom::End(0)).unwrap();
                self.wait();
                self.file.set_len(0).unwrap();
                self.is_torn = false;
                self.write(after);
                self.wait();
                self.file = OpenOptions::new().append(true).open(&self.path).unwrap();
            }
        }
    }

    /// Checks that nothing else is printed.
    fn stop(mut self) -> String {
        self.wait_until_seen();
        self.running.signal("-TERM");
        let ended = self.running.wait();
        assert_eq!((ended.code, ended.stdout()), (0, ""));
        ended.stderr
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write(u32),
    Wait,
    /// Writes a part of a line.
    Tear,
    /// logrotate's `create`: the writer keeps the renamed file for a while, before and after a new one exists.
    Create {
        before: u32,
        after: u32,
    },
    Delete {
        late: u32,
    },
    /// logrotate's `copytruncate`, with lines of the same length: the file may be as long as before, or longer.
    CopyTruncate {
        after: u32,
    },
    /// As `CopyTruncate`, but the writer goes on at its old position, which leaves a hole.
    TruncateUnderWriter {
        after: u32,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..5_u32).prop_map(Step::Write),
        1 => Just(Step::Wait),
        1 => Just(Step::Tear),
        3 => (0..4_u32, 0..4_u32).prop_map(|(before, after)| Step::Create { before, after }),
        1 => (0..4_u32).prop_map(|late| Step::Delete { late }),
        2 => (1..12_u32).prop_map(|after| Step::CopyTruncate { after }),
        1 => (1..6_u32).prop_map(|after| Step::TruncateUnderWriter { after }),
    ]
}

proptest! {
    #![proptest_config(Config {
        cases: 12,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x5eed),
        max_shrink_iters: 0,
        ..Config::default()
    })]

    #[test]
    fn every_line_of_a_rotated_file_is_printed_once(steps in prop::collection::vec(step(), 1..10)) {
        let mut writer = Writer::start();
        for step in &steps {
            writer.step(step);
        }
        writer.stop();
    }
}

#[test]
fn writer_may_keep_the_renamed_file() {
    let mut writer = Writer::start();
    writer.write(3);
    writer.move_away();
    writer.create();
    // The command reads the new file, and then the old one again.
    let warning = format!(
        "warning: `{}` was replaced: reading from the start",
        writer.path.display()
    );
    assert_eq!(writer.running.stderr_line(), warning);
    writer.write(3);
    writer.wait();
    writer.reopen();
    writer.write(3);
    writer.stop();
}

#[test]
fn truncated_file_may_be_longer_than_before() {
    for lines in [1, 4, 5, 40, 4_000] {
        let mut writer = Writer::start();
        writer.write(5);
        writer.step(&Step::CopyTruncate { after: lines });
        writer.wait();
        let warning = format!(
            "warning: `{}` was truncated: reading from the start\n",
            writer.path.display()
        );
        assert_eq!(writer.stop(), warning, "{lines}");
    }
}

#[test]
fn torn_line_is_not_joined_to_the_next_file() {
    let mut writer = Writer::start();
    writer.write(2);
    writer.wait();
    writer.step(&Step::Tear);
    writer.step(&Step::Create { before: 0, after: 0 });
    writer.write(2);
    writer.wait();
    writer.step(&Step::Tear);
    writer.step(&Step::CopyTruncate { after: 2 });
    writer.wait();
    let path = writer.path.display().to_string();
    let stderr = writer.stop();
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(
        lines[0],
        format!("warning: `{path}` was replaced: reading from the start")
    );
    let is_truncated = |line: &&str| **line == format!("warning: `{path}` was truncated: reading from the start");
    assert_eq!(lines.iter().filter(|line| is_truncated(line)).count(), 1, "{stderr}");
    // The torn line of the truncated file is reported if it was read in time, at its position. The renamed file may still
    // get the rest of its line.
    let torn: Vec<_> = lines[1..].iter().filter(|line| !is_truncated(line)).collect();
    assert!(
        torn.len() <= 1 && torn.iter().all(|line| line.starts_with(&format!("{path}:3:"))),
        "{stderr}"
    );
}

/// Each file is written to, moved and replaced at once, before it was opened.
#[cfg(target_os = "linux")]
#[test]
fn files_moved_between_two_looks_are_read() {
    let mut writer = Writer::start();
    writer.write(2);
    writer.wait();
    for _ in 0..10 {
        // Numbers shift, as with logrotate: the oldest file is moved once more for each rotation.
        for number in (0..writer.rotations).rev() {
            let name = |number| writer.folder.path().join(format!("a.log.{number}"));
            fs::rename(name(number), name(number + 1)).unwrap();
        }
        writer.rotations += 1;
        fs::rename(&writer.path, writer.folder.path().join("a.log.0")).unwrap();
        writer.create();
        writer.reopen();
        writer.write(1);
    }
    writer.stop();
}

/// A new file that cannot be read for a moment is waited for. A folder replaces one without permission, which root can
/// read.
#[test]
fn unreadable_replacement_is_waited_for() {
    let mut writer = Writer::start();
    writer.write(2);
    writer.move_away();
    fs::create_dir(&writer.path).unwrap();
    let warning = writer.running.stderr_line();
    let start = format!(
        "warning: cannot read `{}`: is a directory; retrying",
        writer.path.display()
    );
    assert_eq!(warning, start);
    writer.write(2);
    writer.wait();
    fs::remove_dir(&writer.path).unwrap();
    writer.create();
    writer.reopen();
    writer.write(2);
    writer.stop();
}

#[test]
fn replacement_may_have_a_byte_order_mark() {
    let mut writer = Writer::start();
    writer.write(1);
    writer.move_away();
    writer.create();
    writer.reopen();
    writer.file.write_all("\u{feff}".as_bytes()).unwrap();
    writer.write(1);
    writer.file.write_all(b"bad\n").unwrap();
    writer.write(1);
    let path = writer.path.display().to_string();
    let stderr = writer.stop();
    assert!(stderr.contains(&format!("\n{path}:2:1: ")), "{stderr}");
}

//! Standard streams as other programs pass them on: non-blocking, closed, limited.

use std::fs::{self, File};
use std::io::{Read, Write, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use driver_events_harness::poll_for_blocking;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::tempdir;

use crate::support::{Ended, GOAL_RUN, Process, TEST_TIMEOUT, command, escalate, finish};

fn set_nonblocking(file: &OwnedFd) {
    fcntl_setfl(file, fcntl_getfl(file).unwrap() | OFlags::NONBLOCK).unwrap();
}

/// Returns an input of the kind and its other end.
fn input(kind: &str, folder: &Path) -> (OwnedFd, Box<dyn Write>) {
    match kind {
        "pipe" => {
            let (reader, writer) = pipe().unwrap();
            (reader.into(), Box::new(writer))
        }
        "socket" => {
            let (reader, writer) = UnixStream::pair().unwrap();
            (reader.into(), Box::new(writer))
        }
        "terminal" => {
            let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
            grantpt(&terminal).unwrap();
            unlockpt(&terminal).unwrap();
            let name = ptsname(&terminal, Vec::new()).unwrap();
            let reader = File::open(name.to_str().unwrap()).unwrap();
            (reader.into(), Box::new(File::from(terminal)))
        }
        _ => {
            let path = folder.join("fifo");
            assert_eq!(finish(Command::new("mkfifo").arg(&path)).code, 0);
            // Both ends, as opening one waits for the other.
            let both = File::options().read(true).write(true).open(&path).unwrap();
            let reader = File::open(&path).unwrap();
            let writer = File::options().write(true).open(&path).unwrap();
            drop(both);
            (reader.into(), Box::new(writer))
        }
    }
}

/// asyncio and Node.js set `O_NONBLOCK` on the pipes that they share with their children.
#[test]
fn nonblocking_stdin_is_waited_for() {
    for kind in ["pipe", "socket", "terminal", "FIFO"] {
        for arguments in [&["publish", "--to", "stdout:"][..], &["tail", "--from", "-"]] {
            let folder = tempdir().unwrap();
            let (stdin, mut writer) = input(kind, folder.path());
            set_nonblocking(&stdin);
            let shared = stdin.try_clone().unwrap();
            let mut process = Process::spawn(command(arguments).stdin(stdin), TEST_TIMEOUT);
            let mut stdout = process.stdout.take().unwrap();
            for reason in ["one", "two", "three"] {
                let line = escalate(reason) + "\n";
                writer.write_all(line.as_bytes()).unwrap();
                let mut printed = vec![0; line.len()];
                stdout
                    .read_exact(&mut printed)
                    .unwrap_or_else(|error| panic!("{error}: {kind}, {arguments:?}"));
                assert_eq!(String::from_utf8(printed).unwrap(), line, "{kind}");
            }
            let flags = fcntl_getfl(&shared).unwrap();
            assert!(
                flags.contains(OFlags::NONBLOCK),
                "other owners of the {kind} are disturbed"
            );
            if kind == "terminal" {
                writer.write_all(b"\x04").unwrap();
            } else {
                drop(writer);
            }
            assert_eq!(process.wait(), 0, "{kind}, {arguments:?}");
        }
    }
}

/// Runs a command whose output is a non-blocking pipe or socket that is read once it is full.
fn run_into_full(arguments: &[&str], stream: &str, output: (OwnedFd, Box<dyn Read>)) -> (i32, Vec<u8>) {
    let (writer, mut reader) = output;
    set_nonblocking(&writer);
    let watched = writer.try_clone().unwrap();
    let mut command = command(arguments);
    match stream {
        "stdout" => command.stdout(writer).stderr(Stdio::null()),
        _ => command.stderr(writer).stdout(Stdio::null()),
    };
    let process = Process::spawn(&mut command, TEST_TIMEOUT);
    drop(command);
    let is_full = || match rustix::io::write(&watched, b"\n") {
        Err(error) if error == rustix::io::Errno::AGAIN => Some(()),
        // The byte is a blank line. A writer that has failed leaves space for more.
        _ => process.try_wait().map(|_| ()),
    };
    poll_for_blocking(TEST_TIMEOUT, is_full).unwrap();
    assert_eq!(process.try_wait(), None, "{arguments:?} waits for its reader");
    drop(watched);
    let mut text = Vec::new();
    reader.read_to_end(&mut text).unwrap();
    text.retain(|byte| *byte != b'\n');
    (process.wait(), text)
}

fn pipe_output() -> (OwnedFd, Box<dyn Read>) {
    let (reader, writer) = pipe().unwrap();
    (writer.into(), Box::new(reader))
}

#[test]
fn nonblocking_output_is_waited_for() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    let run = GOAL_RUN.repeat(100);
    fs::write(&path, &run).unwrap();
    let (path, url) = (path.to_str().unwrap(), format!("file:{}", path.display()));
    let expected = run.replace('\n', "").into_bytes();
    for arguments in [&["publish", path, "--to", "stdout:"][..], &["tail", "--from", &url]] {
        let (reader, writer) = UnixStream::pair().unwrap();
        for output in [pipe_output(), (writer.into(), Box::new(reader))] {
            let (code, text) = run_into_full(arguments, "stdout", output);
            assert_eq!(code, 0, "{arguments:?}");
            assert!(text == expected, "{arguments:?}");
        }
    }

    let bad = folder.path().join("bad.ndjson");
    fs::write(&bad, "bad\n".repeat(5_000)).unwrap();
    let arguments = ["publish", bad.to_str().unwrap(), "--to", "stdout:"];
    let (code, text) = run_into_full(&arguments, "stderr", pipe_output());
    let text = String::from_utf8(text).unwrap();
    assert_eq!((code, text.matches("bad.ndjson:").count()), (1, 5_000));
}

/// Help texts and lists are written without a sink.
#[test]
fn nonblocking_output_gets_whole_texts() {
    let (reader, writer) = pipe().unwrap();
    rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
    let expected = finish(&mut command(["completions", "bash"])).stdout;
    assert!(expected.len() > 8192);
    let text = expected.into_iter().filter(|byte| *byte != b'\n').collect();
    let output = (writer.into(), Box::new(reader) as Box<dyn Read>);
    assert_eq!(run_into_full(&["completions", "bash"], "stdout", output), (0, text));
}

/// Runs a script, whose `$0` is the command and whose `$1` is a file of events.
fn shell(script: &str, path: &Path) -> Ended {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script, env!("CARGO_BIN_EXE_driver-events")])
        .arg(path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    finish(&mut shell)
}

#[test]
fn closed_standard_stream_is_an_error() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    fs::write(&path, GOAL_RUN).unwrap();
    for (script, stream) in [
        (r#""$0" publish "$1" --to stdout: >&-"#, "output"),
        (r#""$0" publish "$1" --to stdout: --to "file:$1.copy" >&-"#, "output"),
        (r#""$0" tail --from "file:$1" >&-"#, "output"),
        (r#""$0" tail --from - <&- >&-"#, "output"),
        (r#""$0" subjects >&-"#, "output"),
        (r#""$0" demo >&-"#, "output"),
        (r#""$0" completions bash >&-"#, "output"),
        (r#""$0" publish --to stdout: <&-"#, "input"),
        (r#""$0" publish --to "file:$1.copy" <&- >&-"#, "input"),
        (r#""$0" tail --from - <&-"#, "input"),
    ] {
        let ended = shell(script, &path);
        let error = format!("error: standard {stream} is closed\n");
        assert_eq!((ended.code, ended.stderr), (1, error), "{script}");
    }
    for script in [
        r#""$0" publish "$1" --to "file:$1.copy" <&- >&-"#,
        r#""$0" publish "$1" --to stdout: >/dev/null"#,
        // As Python and Node.js discard the output of a child.
        r#""$0" publish "$1" --to stdout: 1<>/dev/null"#,
        r#""$0" tail --from "file:$1" 1<>/dev/null 0<>/dev/null"#,
        r#""$0" publish --to stdout: </dev/null"#,
    ] {
        let ended = shell(script, &path);
        assert_eq!(ended.code, 0, "{script}: {}", ended.stderr);
    }
}

/// The default action of SIGXFSZ would end the process.
#[test]
fn limit_of_the_file_size_is_an_error() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    fs::write(&path, GOAL_RUN.repeat(10)).unwrap();
    let script = r#"ulimit -f 8; "$0" publish "$1" --to "file:$1.copy" --timeout 0s"#;
    let ended = shell(script, &path);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert!(
        lines[0].contains(":1 or later: ") && lines[0].contains("File too large"),
        "{}",
        lines[0]
    );
    // Some lines are in the file.
    assert_eq!(lines[1], format!("stopped at line 1 of {} or later", path.display()));
    let copy = fs::read_to_string(folder.path().join("run.ndjson.copy")).unwrap();
    assert!(copy.lines().count() > 1, "{copy}");

    fs::write(&path, "bad\n".repeat(10_000)).unwrap();
    let script = r#"ulimit -f 8; "$0" publish "$1" --to stdout: --rejects "$1.rejects" 2>/dev/null"#;
    assert_eq!(shell(script, &path).code, 1);
    let script = r#"ulimit -f 0; "$0" subjects >"$1.list" 2>/dev/null"#;
    assert_eq!(shell(script, &path).code, 1);
}

#[test]
fn byte_order_mark_of_an_input_is_skipped() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    let line = escalate("x") + "\n";
    fs::write(&path, format!("\u{feff}{line}bad\n")).unwrap();
    let (path, url) = (path.to_str().unwrap(), format!("file:{}", path.display()));
    for arguments in [
        &["publish", path, "--to", "stdout:"][..],
        &["publish", "--to", "stdout:"],
        &["tail", "--from", &url],
        &["tail", "--from", "-"],
    ] {
        let ended = finish(command(arguments).stdin(File::open(path).unwrap()));
        assert_eq!((ended.code, ended.stdout()), (1, &*line), "{arguments:?}");
        assert!(ended.stderr.contains(":2:1: "), "{}", ended.stderr);
    }
    let utf_16: Vec<u8> = format!("\u{feff}{line}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    fs::write(path, utf_16).unwrap();
    let ended = finish(&mut command(["publish", path, "--to", "stdout:"]));
    assert_eq!(ended.code, 1);
    let error = format!("{path}:1:1: text is UTF-16: convert it to UTF-8\n");
    assert!(ended.stderr.starts_with(&error), "{}", ended.stderr);
}

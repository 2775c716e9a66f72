//! The Python package in `docs/consumers/python`: checked in a copy, built, and tested as its wheel is installed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSinkExt, Envelope};
use driver_events_harness::interop::{self, Python};
use driver_events_harness::{NatsConfig, NatsServer, wait_until};
use driver_events_nats::{JetStreamEventSink, StreamSettings, async_nats, ensure_stream};
use driver_events_types::{Decoded, DriverEvent};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::consumers::{TIMEOUT, examples};
use crate::generated_events::{changed, events};
use crate::sample_events::{FOREIGN, GOAL_RUN, SOURCE, UPSTREAM, publish};

/// Number of generated events, and of changed ones.
const GENERATED: usize = 1600;

struct Package {
    /// A copy of the sources, so that the tools write nothing next to the originals.
    sources: PathBuf,
    /// Folder that contains the installed wheel alone.
    installed: PathBuf,
    _folder: TempDir,
}

static PACKAGE: LazyLock<Package> = LazyLock::new(Package::build);

impl Package {
    /// Builds a source distribution, from it a wheel, and installs this.
    fn build() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let [sources, built, installed] = ["sources", "dist", "installed"].map(|name| folder.path().join(name));
        copy(&examples().join("python"), &sources);
        let readme = fs::read_to_string(sources.join("README.md")).unwrap();
        let example = crate::documents::fenced(&readme, "python").join("\n");
        fs::write(sources.join("examples/readme.py"), example + "\n").unwrap();
        run(tools()
            .module("build")
            .args(["--no-isolation", "--outdir"])
            .args([&built, &sources]));
        let wheel = built.join("driver_events-0.1.0-py3-none-any.whl");
        let mut pip = tools().module("pip");
        pip.args(["install", "--quiet", "--no-deps", "--no-index", "--target"]);
        run(pip.args([&installed, &wheel]));
        Self {
            sources,
            installed,
            _folder: folder,
        }
    }

    /// A Python with the wheel and its locked dependencies, without the sources and the tools.
    fn python() -> Python {
        let requirements = examples().join("python/nats-requirements.txt");
        interop::python(&requirements).unwrap().with_folder(&PACKAGE.installed)
    }
}

/// A Python with the tools of the package's developers.
fn tools() -> Python {
    interop::python(&examples().join("python/dev-requirements.txt")).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, copied) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &copied);
        } else {
            fs::copy(path, copied).unwrap();
        }
    }
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

#[test]
fn types_check_in_strict_mode() {
    let mut mypy = tools().module("mypy");
    let printed = run(mypy.arg("--no-color-output").current_dir(&PACKAGE.sources));
    assert!(printed.starts_with("Success: no issues found in "), "{printed}");
}

#[test]
fn tests_pass_with_the_wheel() {
    let mut pytest = tools().with_folder(&PACKAGE.installed).module("pytest");
    let printed = run(pytest.arg("--quiet").current_dir(&PACKAGE.sources));
    assert!(printed.contains(" passed"), "{printed}");
}

#[test]
fn generated_types_are_current() {
    let types = |folder: &Path| fs::read_to_string(folder.join("src/driver_events/types.py")).unwrap();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    copy(&PACKAGE.sources, folder.path());
    let generated = folder.path().join("src/driver_events/types.py");
    fs::remove_file(generated).unwrap();
    run(tools().module("datamodel_code_generator").current_dir(folder.path()));
    assert!(
        types(folder.path()) == types(&PACKAGE.sources),
        "types.py is out of date: run `python3 -m datamodel_code_generator` in docs/consumers/python"
    );
}

#[test]
fn wheel_has_types_schemas_and_licences() {
    let files = [
        "driver_events/py.typed",
        "driver_events/schema/event.json",
        "driver_events/schema/event.strict.json",
        "driver_events-0.1.0.dist-info/licenses/LICENSE-MIT",
        "driver_events-0.1.0.dist-info/licenses/LICENSE-APACHE",
    ];
    for file in files {
        assert!(PACKAGE.installed.join(file).is_file(), "{file}");
    }
    let metadata = PACKAGE.installed.join("driver_events-0.1.0.dist-info/METADATA");
    let metadata = fs::read_to_string(metadata).unwrap();
    assert!(
        metadata.contains("\nLicense-Expression: MIT OR Apache-2.0\n"),
        "{metadata}"
    );
}

/// The verdicts of the installed package on the payloads.
fn verdicts(payloads: &[Vec<u8>]) -> Vec<Value> {
    let script = crate::documents::root().join("tests/it/python_package/verdicts.py");
    let mut python = Package::python().command(&script);
    let mut process = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let lines: String = payloads.iter().map(|payload| hexadecimal(payload) + "\n").collect();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = process.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The verdict of Rust, in the form of `verdicts.py`.
fn verdict(payload: &[u8]) -> Value {
    let decoded = match Decoded::from_json(payload) {
        Ok(decoded) => decoded,
        Err(error) => return json!({ "verdict": "malformed", "kind": error.event_kind(), "path": error.path() }),
    };
    let (verdict, path) = match &decoded {
        Decoded::Known(_) => ("known", ""),
        Decoded::Unknown { path, .. } => ("unknown", path.as_str()),
    };
    let text = driver_events_types::replace_lone_surrogates(payload);
    let event: Value = serde_json::from_slice(text.as_deref().unwrap_or(payload)).unwrap();
    let raw = hexadecimal(payload);
    json!({ "verdict": verdict, "kind": decoded.kind(), "path": path, "event": event, "raw": raw })
}

/// Asserts that Python decodes as Rust does: the same kind and path, the same values, the same bytes.
fn assert_same(payloads: &[Vec<u8>]) -> Vec<Value> {
    let found = verdicts(payloads);
    assert_eq!(found.len(), payloads.len());
    for (payload, found) in payloads.iter().zip(&found) {
        assert_eq!(*found, verdict(payload), "{}", String::from_utf8_lossy(payload));
    }
    found
}

fn count(verdicts: &[Value], name: &str) -> usize {
    verdicts.iter().filter(|verdict| verdict["verdict"] == name).count()
}

#[test]
fn fixtures_and_generated_events_are_known() {
    let fixtures = GOAL_RUN
        .lines()
        .chain(UPSTREAM.lines())
        .map(|line| line.as_bytes().to_vec());
    let generated = events(1, GENERATED)
        .into_iter()
        .map(|event| event.to_string().into_bytes());
    let payloads: Vec<_> = fixtures.chain(generated).collect();
    let found = assert_same(&payloads);
    assert_eq!(count(&found, "known"), payloads.len());
}

#[test]
fn changed_events_are_unknown_or_malformed_as_in_rust() {
    let mut rng = fastrand::Rng::with_seed(2);
    let changed = |event| changed(&mut rng, event).to_string().into_bytes();
    let payloads: Vec<_> = events(3, GENERATED).into_iter().map(changed).collect();
    let found = assert_same(&payloads);
    for name in ["known", "unknown", "malformed"] {
        assert!(count(&found, name) > GENERATED / 50, "{name}: {}", count(&found, name));
    }
}

#[test]
fn events_of_other_publishers_decode_as_in_rust() {
    let goal = samples::goal(1);
    let envelopes = [
        samples::unknown_kind(goal),
        samples::foreign(goal),
        samples::cut_text(goal),
    ];
    let hostile = samples::hostile(goal).into_iter().map(Envelope::new);
    let envelopes = envelopes.into_iter().chain(hostile);
    let received = envelopes.map(|envelope| envelope.json().unwrap().to_vec());
    let foreign = FOREIGN.map(|payload| payload.as_bytes().to_vec());
    let payloads: Vec<_> = received.chain(foreign).collect();
    let found = assert_same(&payloads);
    assert_eq!((count(&found, "unknown"), count(&found, "malformed")), (2, 1));
}

/// A server with the sample events in the stream `DRIVER`.
async fn server_with_events() -> (NatsServer, Vec<Envelope>) {
    let server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let client = async_nats::connect(server.client_url()).await.unwrap();
    ensure_stream(&client, &StreamSettings::new("DRIVER")).await.unwrap();
    let sink = JetStreamEventSink::new(client, "DRIVER").await.unwrap();
    let sent = publish(&sink.stamped(SOURCE).unwrap()).await;
    (server, sent)
}

#[tokio::test]
async fn installed_package_reads_a_stream() {
    let (server, sent) = server_with_events().await;
    let script = PACKAGE.sources.join("examples/nats_consumer.py");
    let mut consumer = Package::python().command(&script);
    consumer.env("NATS_URL", server.client_url());
    consumer.args([
        "--stream=DRIVER",
        "--durable=python",
        &format!("--count={}", sent.len()),
    ]);
    let printed = tokio::task::spawn_blocking(move || run(&mut consumer)).await.unwrap();
    let kinds = |lines: &str| -> Vec<String> {
        let kind = |line: &str| line.split(' ').next().unwrap().to_owned();
        lines.lines().map(kind).collect()
    };
    let expected: Vec<_> = sent.iter().map(|envelope| envelope.kind().to_owned()).collect();
    assert_eq!(kinds(&printed), expected);
    assert!(!printed.contains('('), "a gap or a duplicate: {printed}");
}

#[tokio::test]
async fn example_of_the_readme_adds_up_durations() {
    let (server, sent) = server_with_events().await;
    let elapsed = |envelope: &Envelope| match envelope.event() {
        Some(DriverEvent::GoalCompleted { outcome }) => outcome.elapsed,
        _ => Duration::ZERO,
    };
    let expected = format!("{:.3} s", sent.iter().map(elapsed).sum::<Duration>().as_secs_f64());
    let example = fs::read_to_string(PACKAGE.sources.join("examples/readme.py")).unwrap();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let script = folder.path().join("readme.py");
    fs::write(&script, example.replace("nats://127.0.0.1:4222", &server.client_url())).unwrap();
    let log = folder.path().join("log");
    let mut consumer = Package::python().command(&script);
    let mut consumer = consumer.stderr(File::create(&log).unwrap()).spawn().unwrap();
    wait_until("the example logs the total", TIMEOUT, async || {
        assert_eq!(consumer.try_wait().unwrap(), None);
        fs::read_to_string(&log).unwrap().contains(&expected)
    })
    .await;
    consumer.kill().unwrap();
    consumer.wait().unwrap();
    let log = fs::read_to_string(&log).unwrap();
    assert!(!log.contains("WARNING") && !log.contains("ERROR"), "{log}");
}

//! The documents say what is true: their commands run, their links lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use driver_events_core::{DriverEventSink, Envelope};
use driver_events_harness::{KafkaBroker, KafkaConfig, KafkaListener, NatsConfig, NatsServer};
use driver_events_nats::{JetStreamEventSink, StreamSettings, ensure_stream};

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

/// Where Kafka is, for all documents. It ends with the process.
fn kafka() -> String {
    static BROKER: OnceLock<KafkaBroker> = OnceLock::new();
    let broker = BROKER.get_or_init(|| KafkaBroker::start(KafkaConfig::new()).unwrap());
    broker.bootstrap_servers(KafkaListener::Plain).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_readme_run() {
    let server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let address = server.client_address().to_string();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("events.ndjson");
    let commands: Vec<String> = fenced(&readme, "sh")
        .into_iter()
        .filter(|line| line.starts_with("cargo run "))
        .map(|line| line.replace("/tmp/events.ndjson", written.to_str().unwrap()))
        .map(|line| line.replace("127.0.0.1:4222", &address))
        .map(|line| line.replace("127.0.0.1:9092", &kafka()))
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
        let is_silent = ["--to file:", "--to jetstream:", "--to kafka:"];
        assert!(
            !output.stdout.is_empty() || is_silent.iter().any(|target| command.contains(target)),
            "{command} printed nothing"
        );
    }
    let fixture = root().join("crates/driver-events-types/tests/fixtures/goal-run.ndjson");
    assert_eq!(fs::read(written).unwrap(), fs::read(fixture).unwrap());
}

/// They read a stream that has the 44 events of a run.
#[tokio::test]
async fn the_commands_of_the_page_on_nats_run() {
    let server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let client = async_nats::connect(server.client_url()).await.unwrap();
    ensure_stream(&client, &StreamSettings::new("DRIVER")).await.unwrap();
    let sink = JetStreamEventSink::new(client, "DRIVER").await.unwrap();
    let events = fs::read_to_string(root().join("crates/driver-events-types/tests/fixtures/goal-run.ndjson")).unwrap();
    for line in events.lines() {
        sink.send(Envelope::from_json(line.to_owned()).unwrap()).await.unwrap();
    }
    let page = fs::read_to_string(root().join("docs/nats.md")).unwrap();
    let printed = run(&fenced(&page, "sh"), "/tmp/nats-py", ("NATS_URL", &server.client_url()));
    assert_eq!(printed.lines().count(), 2 * events.lines().count(), "{printed}");
}

/// They publish the 44 events of a run, read them with both consumers and with the tool, and look for one more.
#[test]
fn the_commands_of_the_page_on_kafka_run() {
    let page = fs::read_to_string(root().join("docs/kafka.md")).unwrap();
    let commands: Vec<String> = fenced(&page, "sh")
        .into_iter()
        // They have a test of their own.
        .filter(|line| !line.starts_with("kafka-acls "))
        .map(|line| match line.strip_prefix("driver-events ") {
            Some(arguments) => format!("cargo run --quiet --bin driver-events -- {arguments}"),
            None => line.to_owned(),
        })
        .map(|line| line.replace("127.0.0.1:9092", &kafka()))
        .collect();
    let commands: Vec<_> = commands.iter().map(String::as_str).collect();
    let printed = run(&commands, "/tmp/kafka-py", ("KAFKA_BOOTSTRAP_SERVERS", &kafka()));
    assert_eq!(printed.lines().count(), 3 * 44 + 1, "{printed}");
}

/// Runs the commands of a page, with its folder for Python's packages in another place, and returns what they print.
fn run(commands: &[&str], packages: &str, server: (&str, &str)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("packages");
    let output = Command::new("sh")
        .args(["-euc", &commands.join("\n").replace(packages, own.to_str().unwrap())])
        .current_dir(root())
        .env(server.0, server.1)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", output.status);
    String::from_utf8(output.stdout).unwrap()
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

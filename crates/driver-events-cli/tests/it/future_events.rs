//! Events of a later version pass `publish` and `tail` byte for byte: in each format that can be read back, and over each
//! transport.

use std::fs;
use std::path::Path;

use driver_events::Envelope;
use driver_events::cloudevents::write_structured;
use driver_events::conformance::samples;
use tempfile::tempdir;

use crate::support::{Ended, run, run_with};

/// Events of a later version, as lines.
struct Future {
    /// With every attribute.
    cloudevents: String,
    /// The same events without attributes.
    bare: String,
}

impl Future {
    fn new() -> Self {
        let events = samples::future(samples::goal(1));
        let events: Vec<_> = events.into_iter().map(samples::with_every_attribute).collect();
        let line = |write: &dyn Fn(&Envelope, &mut Vec<u8>)| -> String {
            let line = |envelope| {
                let mut line = Vec::new();
                write(envelope, &mut line);
                String::from_utf8(line).unwrap() + "\n"
            };
            events.iter().map(line).collect()
        };
        Self {
            cloudevents: line(&|envelope, line| write_structured(envelope, line).unwrap()),
            bare: line(&|envelope, line| envelope.write_line(line).unwrap()),
        }
    }

    fn count(&self) -> usize {
        self.bare.lines().count()
    }

    /// Publishes the CloudEvents to all targets.
    fn publish(&self, options: &[&str], targets: &[&str]) {
        let to = targets.iter().flat_map(|target| ["--to", target]);
        let arguments: Vec<_> = ["publish"]
            .into_iter()
            .chain(options.iter().copied())
            .chain(to)
            .collect();
        let ended = run_with(self.cloudevents.as_bytes(), &arguments);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }

    /// Checks that `tail` prints the events of a source in each format.
    fn assert_read(&self, source: &str) {
        let count = self.count().to_string();
        for (format, expected) in [("cloudevents", &self.cloudevents), ("json", &self.bare)] {
            let ended = run(["tail", "--from", source, "--count", &count, "--format", format]);
            assert_printed(&ended, expected);
        }
    }
}

/// Compares line by line. Only the order within a goal is defined: the event without a goal may be anywhere.
fn assert_printed(ended: &Ended, expected: &str) {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let lines = |text: &str| -> (Vec<String>, Vec<String>) {
        let lines = text.split_terminator('\n').map(str::to_owned);
        lines.partition(|line| line.contains("driver_paused"))
    };
    let (found, expected) = (lines(ended.stdout()), lines(expected));
    for (index, line) in expected.1.iter().enumerate() {
        assert_eq!(found.1.get(index), Some(line), "line {index}");
    }
    assert_eq!(found, expected);
}

fn file(path: &Path, parameters: &str) -> String {
    format!("file:{}{parameters}", path.display())
}

#[test]
fn future_events_pass_files_and_pipes_in_each_format() {
    let future = Future::new();
    let folder = tempdir().unwrap();
    let [cloudevents, bare] = ["cloudevents", "bare"].map(|name| folder.path().join(name));
    let targets = [file(&cloudevents, ""), file(&bare, "?format=json")];
    future.publish(&[], &targets.each_ref().map(|target| &**target));
    assert_eq!(fs::read_to_string(&cloudevents).unwrap(), future.cloudevents);
    assert_eq!(fs::read_to_string(&bare).unwrap(), future.bare);
    future.assert_read(&file(&cloudevents, ""));

    for (format, lines) in [("cloudevents", &future.cloudevents), ("json", &future.bare)] {
        let target = format!("stdout:?format={format}");
        let ended = run_with(lines.as_bytes(), ["publish", "--to", &target]);
        // A bare event of an unknown kind has no subject, and a CloudEvent needs one: see damaged_lines.rs.
        assert_printed(&ended, lines);
    }
    let ended = run_with(future.bare.as_bytes(), ["tail", "--from", "-", "--format", "json"]);
    assert_printed(&ended, &future.bare);
}

#[cfg(all(unix, feature = "spool"))]
#[test]
fn future_events_pass_a_spool() {
    let future = Future::new();
    let folder = tempdir().unwrap();
    let [spool, target] = ["events.db", "target"].map(|name| folder.path().join(name));
    let url = |target: &Path| format!("spool:{}?retention=1000&to=file:{}", spool.display(), target.display());
    future.publish(&[], &[&url(&target)]);
    assert_eq!(fs::read_to_string(&target).unwrap(), future.cloudevents);
    future.assert_read(&format!("spool:{}", spool.display()));
}

#[cfg(all(unix, feature = "nats"))]
#[tokio::test(flavor = "multi_thread")]
async fn future_events_pass_core_nats_and_a_stream() {
    use driver_events_harness::{NatsConfig, NatsServer, wait_until};

    use crate::support::{Running, TEST_TIMEOUT};

    let future = Future::new();
    let server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    // The prefix keeps the events of core NATS out of the stream.
    let core = format!("nats://{}?prefix=core", server.client_address());
    let stream = format!("jetstream://{}/DRIVER", server.client_address());
    let count = future.count().to_string();
    let tail = ["tail", "--from", &core, "--count", &count, "--format", "cloudevents"];
    let tail = Running::start(tail);
    wait_until("the reader has subscribed", TEST_TIMEOUT, async || {
        let connections = server.monitoring("/subsz?subs=1").unwrap();
        connections.to_string().contains("core.agent.driver.>")
    })
    .await;
    future.publish(&["--create-stream"], &[&core, &stream]);
    assert_printed(&tail.wait(), &future.cloudevents);
    future.assert_read(&stream);
}

#[cfg(all(unix, feature = "kafka"))]
#[test]
fn future_events_pass_kafka() {
    let future = Future::new();
    let (url, _) = crate::kafka_broker::fresh();
    future.publish(&["--create-topic"], &[&url]);
    future.assert_read(&url);
}

//! Every command block of the README and of `docs/` runs, in order, as a reader pastes it, with the described outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{TcpListener, TcpStream};

use async_nats::jetstream;

use super::shell::Shell;
use super::{fenced, pages, root, tool_without_transports};

/// The pages with command blocks. One shell runs the blocks of one page.
pub(super) const PAGES: [&str; 6] = [
    "README.md",
    "docs/first-loop.md",
    "docs/nats.md",
    "docs/kafka.md",
    "docs/consumers/README.md",
    "docs/consumers/typescript/README.md",
];
/// Number of events of the example `driver_loop`.
const EXAMPLE_EVENTS: usize = 18;
const NATS_ADDRESS: &str = "127.0.0.1:4222";
const KAFKA_ADDRESS: &str = "127.0.0.1:9092";

#[test]
fn every_page_with_commands_is_tested() {
    let is_public = |page: &&pages::Page| page.name == "README.md" || page.name.starts_with("docs/");
    let pages = pages::all();
    let with_commands = pages
        .iter()
        .filter(is_public)
        .filter(|page| !fenced(&page.text, "sh").is_empty())
        .map(|page| &*page.name);
    let with_commands: BTreeSet<_> = with_commands.collect();
    assert_eq!(with_commands, BTreeSet::from(PAGES));
}

/// All pages in a single test: they share ports and the binary.
#[tokio::test(flavor = "multi_thread")]
async fn commands_of_all_pages_run_as_pasted() {
    tool_without_transports::names_the_missing_feature();
    for name in PAGES {
        let text = fs::read_to_string(root().join(name)).unwrap();
        let mut page = Page::new();
        for command in commands(&text) {
            page.run(&command).await;
        }
    }
}

/// The commands of a page. A backslash at the end of a line continues the command.
fn commands(markdown: &str) -> Vec<String> {
    let text = fenced(markdown, "sh").join("\n").replace("\\\n", "");
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(String::from)
        .collect()
}

struct Page {
    shell: Shell,
    fixture: String,
    /// Addresses in the commands, and those that the brokers listen on: others if the standard ports are in use.
    addresses: BTreeMap<&'static str, String>,
}

impl Page {
    fn new() -> Self {
        let fixture = root().join("crates/driver-events-types/tests/fixtures/goal-run.ndjson");
        Self {
            shell: Shell::start(),
            fixture: fs::read_to_string(fixture).unwrap(),
            addresses: BTreeMap::new(),
        }
    }

    /// Runs the command and checks its outcome.
    ///
    /// # Panics
    /// If the command fails, has another outcome, or has no outcome below.
    async fn run(&mut self, command: &str) {
        let standard_ports = [NATS_ADDRESS, KAFKA_ADDRESS].map(|address| (address, TcpListener::bind(address).is_ok()));
        let mut typed = command.to_owned();
        for (standard, actual) in &self.addresses {
            typed = typed.replace(standard, actual);
        }
        let output = self.shell.run(&typed);
        let has = |part: &str| command.contains(part);
        if has("brokers up") {
            let (standard, variable) = match has("brokers up nats") {
                true => (NATS_ADDRESS, "export NATS_URL=nats://"),
                false => (KAFKA_ADDRESS, "export KAFKA_BOOTSTRAP_SERVERS="),
            };
            let actual = output.lines().find_map(|line| line.strip_prefix(variable));
            let actual = actual.unwrap_or_else(|| panic!("`{command}` printed: {output}"));
            TcpStream::connect(actual).unwrap();
            let was_free = standard_ports.contains(&(standard, true));
            assert_eq!(actual == standard, was_free, "{output}");
            self.addresses.insert(standard, actual.to_owned());
        } else if has("brokers down") {
            for address in self.addresses.values() {
                assert!(output.contains(address), "{output}");
                assert!(TcpStream::connect(address).is_err(), "{address}");
            }
            self.addresses.clear();
        } else if has("--example driver_loop") {
            let written = fs::read_to_string(self.shell.folder().join("run.ndjson")).unwrap();
            assert_eq!((written.lines().count(), &*output), (EXAMPLE_EVENTS, ""));
        } else if has("--example reader") {
            assert_eq!(output.lines().count(), EXAMPLE_EVENTS, "{output}");
        } else if has("--example memory_sink") {
            assert_eq!(output, "");
        } else if has("--example own_sink") {
            assert_eq!(output, "every property holds\n");
        } else if has("-- demo") {
            assert_eq!(self.kinds_in(&output), self.kinds(), "{output}");
        } else if has("--to stdout:") {
            assert_eq!(output, self.fixture);
        } else if has("--to file:") {
            let written = fs::read_to_string(self.shell.folder().join("events.ndjson")).unwrap();
            // Each line is a CloudEvent with a line of the fixture.
            assert_eq!(written.lines().count(), self.fixture.lines().count());
            for (line, event) in written.lines().zip(self.fixture.lines()) {
                assert!(line.ends_with(&format!(",\"data\":{event}}}")), "{line}");
            }
        } else if has("--to jetstream:") {
            // Publishing again stores nothing: the ids are the same.
            let client = async_nats::connect(self.address(NATS_ADDRESS)).await.unwrap();
            let mut stream = jetstream::new(client).get_stream("DRIVER").await.unwrap();
            let messages = stream.info().await.unwrap().state.messages;
            let expected = if has("/tmp/run.ndjson") {
                EXAMPLE_EVENTS
            } else {
                self.fixture.lines().count()
            };
            assert_eq!(messages, expected as u64, "`{command}`");
        } else if has("--to kafka:") {
            // The next command reads the events.
            assert_eq!(output, "");
        } else if has("tail ") && has("--count 44 --format json") {
            assert_eq!(sorted(&output), sorted(&self.fixture), "`{command}`");
        } else if has("tail ") && has("--kind ") {
            let kind = command.split("--kind ").nth(1).unwrap().split(' ').next().unwrap();
            let published = self.kinds().iter().filter(|each| *each == kind).count();
            let expected = if has("--count 1") { 1 } else { published };
            assert_eq!(output.matches(kind).count(), expected, "`{command}`: {output}");
        } else if has("pip wheel") {
            let wheel = self.shell.folder().join("dist/driver_events-0.1.0-py3-none-any.whl");
            assert!(wheel.exists(), "`{command}`");
        } else if has("npm pack") {
            assert_eq!(output, "driver-events-0.1.0.tgz\n");
        } else if has("pip install") || has("npm ") || has("cp ") || has("export ") {
            // The next command needs the packages, the files, or the variable.
            assert_eq!(output, "", "`{command}`");
        } else if has("_consumer.py") || has("_consumer.js") || has("go run") {
            assert_eq!(self.kinds_in(&output), self.kinds(), "`{command}`: {output}");
            assert!(
                !output.contains('('),
                "`{command}` reported a gap or a duplicate: {output}"
            );
        } else if has("kafka-acls ") {
            // `brokers up kafka` has added some of the ACLs already: the output lists these, too.
            let principal = command.split("--allow-principal ").nth(1).unwrap();
            let principal = principal.split(' ').next().unwrap();
            let is_allowed =
                output.contains(&format!("principal={principal},")) && output.contains("permissionType=ALLOW");
            assert!(is_allowed, "`{command}`: {output}");
        } else {
            panic!("`{command}` has no expected outcome in this test");
        }
    }

    fn address(&self, standard: &str) -> &str {
        self.addresses.get(standard).unwrap()
    }

    /// The kinds of the published events, sorted.
    fn kinds(&self) -> Vec<String> {
        let kind = |line: &str| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["kind"].as_str().unwrap().to_owned()
        };
        let mut kinds: Vec<_> = self.fixture.lines().map(kind).collect();
        kinds.sort();
        kinds
    }

    /// The first word of each printed line that is the name of a kind, sorted.
    fn kinds_in(&self, output: &str) -> Vec<String> {
        let kinds = self.kinds();
        let is_kind = |word: &&str| kinds.iter().any(|kind| kind == word);
        let mut found: Vec<_> = output
            .lines()
            .filter_map(|line| line.split_whitespace().find(is_kind))
            .map(String::from)
            .collect();
        found.sort();
        found
    }
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

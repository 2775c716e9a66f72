use std::sync::LazyLock;

use clap::{Parser, Subcommand};

use crate::completions::CompletionsArguments;
use crate::demo::DemoArguments;
use crate::man::ManArguments;
use crate::publish::PublishArguments;
use crate::schema::SchemaArguments;
#[cfg(feature = "spool")]
use crate::spool::SpoolArguments;
use crate::subjects::SubjectsArguments;
use crate::tail::TailArguments;
use crate::validate::ValidateArguments;

const AFTER_HELP: &str = "\
Exit codes:
  0    success
  1    an event was malformed, rejected or not delivered
  2    usage error
  130  publish, validate, demo: interrupted by SIGINT (Ctrl-C)
  143  publish, validate, demo: terminated by SIGTERM

Examples:
  driver-events demo
  driver-events publish run.ndjson --to 'stdout:?format=pretty'
  my-agent | driver-events publish --to stdout: --to file:events.ndjson
  driver-events tail --from file:events.ndjson --follow --kind escalate
  driver-events validate run.ndjson
  my-agent | driver-events publish --to 'spool:events.db?to=stdout:'
  driver-events completions bash \\
    > ~/.local/share/bash-completion/completions/driver-events
  driver-events man publish | man -l -

See `driver-events help COMMAND` for more information on a command.";

/// Publish and read the events of AI agents' driver loops
///
/// An event is one line of JSON. Events are printed on standard output, everything else on standard error.
#[derive(Debug, Parser)]
#[command(name = "driver-events", version, long_version = long_version(), after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Publish(PublishArguments),
    Tail(TailArguments),
    Validate(ValidateArguments),
    #[cfg(feature = "spool")]
    Spool(SpoolArguments),
    Demo(DemoArguments),
    Subjects(SubjectsArguments),
    Schema(SchemaArguments),
    Completions(CompletionsArguments),
    Man(ManArguments),
}

/// Version with the transports that were compiled in.
fn long_version() -> &'static str {
    static LONG_VERSION: LazyLock<String> =
        LazyLock::new(|| format!("{}\nbuilt with: {}", env!("CARGO_PKG_VERSION"), features()));
    &LONG_VERSION
}

/// Returns the transports that were compiled in.
fn features() -> String {
    let features = [
        ("nats", cfg!(feature = "nats")),
        ("kafka", cfg!(feature = "kafka")),
        ("kafka-tls", cfg!(feature = "kafka-tls")),
        ("spool", cfg!(feature = "spool")),
    ];
    let enabled: Vec<_> = features
        .iter()
        .filter_map(|(name, is_enabled)| is_enabled.then_some(*name))
        .collect();
    match enabled.as_slice() {
        [] => "none".to_owned(),
        enabled => enabled.join(", "),
    }
}

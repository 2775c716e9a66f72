//! `driver-events schema`: the contract as JSON Schema or AsyncAPI.

use clap::{Args, ValueEnum};
use driver_events::{EventKind, schema};

use crate::exit::Exit;
use crate::output;
use crate::report::Report;

const AFTER_HELP: &str = "\
The schema accepts what `driver-events validate` accepts: events of newer
publishers and unknown fields too. With --strict it refuses unknown kinds and
values, as `validate --strict` does. Types are generated from the strict schema.

Examples:
  driver-events schema > event.json
  driver-events schema --strict --kind escalate
  driver-events schema --format asyncapi > asyncapi.json";

/// Print the schema of events, for programs in any language
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct SchemaArguments {
    /// Print the schema of one kind, complete in itself [default: all kinds]
    #[arg(long, value_name = "KIND", value_parser = parse_kind)]
    kind: Option<EventKind>,

    /// Refuse kinds and values that this version does not know
    #[arg(long)]
    strict: bool,

    /// Output format
    #[arg(long, value_enum, default_value_t = SchemaFormat::JsonSchema)]
    format: SchemaFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SchemaFormat {
    /// JSON Schema 2020-12
    #[value(name = "jsonschema")]
    JsonSchema,
    /// AsyncAPI 3.0: subjects and topics with their messages and headers
    #[value(name = "asyncapi")]
    AsyncApi,
}

fn parse_kind(text: &str) -> Result<EventKind, String> {
    text.parse()
        .map_err(|error| format!("{error}: `driver-events subjects` lists the kinds"))
}

pub(crate) fn run(arguments: &SchemaArguments) -> Exit {
    let text = match (arguments.format, arguments.kind, arguments.strict) {
        (SchemaFormat::JsonSchema, None, false) => schema::EVENT,
        (SchemaFormat::JsonSchema, None, true) => schema::STRICT_EVENT,
        (SchemaFormat::JsonSchema, Some(kind), false) => kind.schema(),
        (SchemaFormat::JsonSchema, Some(kind), true) => kind.strict_schema(),
        (SchemaFormat::AsyncApi, None, false) => schema::ASYNCAPI,
        (SchemaFormat::AsyncApi, ..) => {
            Report::new()
                .error("--kind and --strict require `--format jsonschema`: the AsyncAPI document has all kinds");
            return Exit::Usage;
        }
    };
    output::print(text.as_bytes())
}

use clap::ValueEnum;
use driver_events::stdout::Format;

/// Output format of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArgument {
    /// Human-readable line: time, goal, kind and details
    Pretty,
    /// The event's JSON as received
    Json,
    /// CloudEvents 1.0 in structured mode, with id and attributes
    #[value(name = "cloudevents")]
    CloudEvents,
}

impl From<FormatArgument> for Format {
    fn from(argument: FormatArgument) -> Self {
        match argument {
            FormatArgument::Pretty => Self::Pretty,
            FormatArgument::Json => Self::Json,
            FormatArgument::CloudEvents => Self::CloudEvents,
        }
    }
}

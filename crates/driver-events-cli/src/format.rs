use clap::ValueEnum;
use driver_events_stdout::Format;

/// How events are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArgument {
    /// For people: time, goal, kind and the facts, one line each
    Pretty,
    /// The event as it is on the wire
    Json,
    /// CloudEvents 1.0 in structured mode: the event with its id and other attributes
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

//! The transports that need a server.

use std::fmt;

/// A transport whose tests run against a real server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Transport {
    /// NATS: core NATS and JetStream.
    Nats,
    /// Apache Kafka, without ZooKeeper.
    Kafka,
}

impl Transport {
    /// All transports.
    pub const ALL: [Self; 2] = [Self::Nats, Self::Kafka];

    /// Returns the name on the command line, which is also the name of the feature of the command-line tool.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Kafka => "kafka",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

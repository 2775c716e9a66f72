/// Transport of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// Standard input: `stdin:`.
    Stdin,
    /// Standard output: `stdout:`.
    Stdout,
    /// A file: `file:PATH`.
    File,
    /// Core NATS: `nats://` and `tls://`.
    Nats,
    /// A JetStream stream: `jetstream://`.
    JetStream,
    /// A Kafka topic: `kafka://`.
    Kafka,
    /// An outbox on disk: `spool:PATH`.
    Spool,
}

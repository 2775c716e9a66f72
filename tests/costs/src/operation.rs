use std::hint::black_box;

use anyhow::{Context, Result, anyhow, bail};
use driver_events_core::{DriverEventSink, DriverEventSinkExt, Envelope, Stamped};
use driver_events_kafka::fuzzing as kafka;
use driver_events_nats::fuzzing as nats;
use driver_events_types::{DriverEvent, GoalId, Uuid};
use futures_util::FutureExt;

use crate::null_client::NullClient;

/// A realistic run: each kind at least once.
const RUN: &str = include_str!("../../../crates/driver-events-types/tests/fixtures/goal-run.ndjson");

/// Something that happens to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `write_json` into a buffer with capacity.
    Encode,
    /// `from_json`.
    Decode,
    /// A new envelope, with its id and its time.
    Mint,
    /// Headers of a NATS message with every attribute.
    WriteNatsHeaders,
    /// The envelope of such a message; the event is short.
    ReadNatsMessage,
    /// Headers of a Kafka record with every attribute.
    WriteKafkaHeaders,
    /// The envelope of such a record; the event is short.
    ReadKafkaRecord,
    /// The envelope of a Kafka record without headers; the event is short.
    ReadBareRecord,
    /// A new envelope through `Stamped` into a client that encodes it and drops it.
    Send,
    /// [`Send`](Self::Send) and one more allocation of 64 bytes: the tests of the gate measure it.
    SendWithAllocation,
}

impl Operation {
    /// All operations that are measured.
    pub const ALL: [Self; 9] = [
        Self::Encode,
        Self::Decode,
        Self::Mint,
        Self::WriteNatsHeaders,
        Self::ReadNatsMessage,
        Self::WriteKafkaHeaders,
        Self::ReadKafkaRecord,
        Self::ReadBareRecord,
        Self::Send,
    ];

    /// Returns the name on the command line and in the baseline.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Encode => "encode",
            Self::Decode => "decode",
            Self::Mint => "mint",
            Self::WriteNatsHeaders => "write_nats_headers",
            Self::ReadNatsMessage => "read_nats_message",
            Self::WriteKafkaHeaders => "write_kafka_headers",
            Self::ReadKafkaRecord => "read_kafka_record",
            Self::ReadBareRecord => "read_bare_record",
            Self::Send => "send",
            Self::SendWithAllocation => "send_with_allocation",
        }
    }

    /// Returns the operation of this name.
    ///
    /// # Errors
    /// Returns an error if no operation has this name.
    pub fn parse(name: &str) -> Result<Self> {
        let mut all = Self::ALL.into_iter().chain([Self::SendWithAllocation]);
        all.find(|operation| operation.name() == name)
            .with_context(|| format!("`{name}` is not an operation"))
    }

    /// Prepares the operation. Each call of the returned function does it to [`events`](Self::events) events.
    ///
    /// # Errors
    /// Returns an error if the events of the run cannot be decoded.
    pub fn prepare(self) -> Result<Box<dyn FnMut() -> Result<()>>> {
        let lines: Vec<&[u8]> = RUN.lines().map(str::as_bytes).collect();
        let envelope = with_every_attribute()?;
        Ok(match self {
            Self::Encode => {
                let events = lines.iter().map(|line| DriverEvent::from_json(line));
                let events: Vec<_> = events.collect::<Result<_, _>>()?;
                let mut out = Vec::with_capacity(64 * 1024);
                Box::new(move || {
                    out.clear();
                    events.iter().try_for_each(|event| event.write_json(&mut out))?;
                    black_box(&out);
                    Ok(())
                })
            }
            Self::Decode => Box::new(move || {
                for line in &lines {
                    black_box(DriverEvent::from_json(black_box(line))?);
                }
                Ok(())
            }),
            Self::Mint => Box::new(|| {
                let envelope = Envelope::new(escalation());
                black_box((envelope.id(), envelope.time()));
                Ok(())
            }),
            Self::WriteNatsHeaders => Box::new(move || {
                black_box(nats::write(&envelope)?);
                Ok(())
            }),
            Self::WriteKafkaHeaders => Box::new(move || {
                black_box(kafka::write(&envelope)?);
                Ok(())
            }),
            Self::ReadNatsMessage => {
                let (headers, json) = (nats::write(&envelope)?, json_of(&envelope)?);
                Box::new(move || {
                    let lines: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
                    black_box(nats::read(&lines, &json).map_err(|malformed| anyhow!("{malformed:?}"))?);
                    Ok(())
                })
            }
            Self::ReadKafkaRecord => {
                let (headers, json) = (kafka::write(&envelope)?, json_of(&envelope)?);
                Box::new(move || {
                    let lines: Vec<_> = headers
                        .iter()
                        .map(|(name, value)| (&**name, Some(value.as_bytes())))
                        .collect();
                    black_box(kafka::read(&lines, &json).map_err(|malformed| anyhow!("{malformed:?}"))?);
                    Ok(())
                })
            }
            Self::ReadBareRecord => {
                let json = json_of(&envelope)?;
                Box::new(move || {
                    black_box(kafka::read(&[], &json).map_err(|malformed| anyhow!("{malformed:?}"))?);
                    Ok(())
                })
            }
            Self::Send => send(NullClient, || {})?,
            Self::SendWithAllocation => send(NullClient, || drop(black_box(Box::new([0_u8; 64]))))?,
        })
    }

    /// Returns the number of events of one call.
    #[must_use]
    pub fn events(self) -> usize {
        match self {
            Self::Encode | Self::Decode => RUN.lines().count(),
            _ => 1,
        }
    }
}

fn escalation() -> DriverEvent {
    DriverEvent::Escalate {
        goal_id: GoalId(Uuid::from_u128(7)),
        reason: String::new(),
    }
}

fn json_of(envelope: &Envelope) -> Result<Vec<u8>> {
    let json = envelope.json().map_err(|error| anyhow!("{error}"))?;
    Ok(json.to_vec())
}

fn with_every_attribute() -> Result<Envelope> {
    let envelope = Envelope::new(escalation()).with_source("urn:example:driver")?;
    let envelope = envelope.with_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")?;
    Ok(envelope)
}

/// Returns a function that publishes an event and does `extra`.
fn send(client: impl DriverEventSink + 'static, extra: impl Fn() + 'static) -> Result<Box<dyn FnMut() -> Result<()>>> {
    let sink: Stamped<_> = client.stamped("urn:example:driver")?;
    Ok(Box::new(move || {
        extra();
        let sent = sink.send(Envelope::new(escalation())).now_or_never();
        match sent {
            Some(sent) => {
                sent?;
                Ok(())
            }
            None => bail!("the null client waited"),
        }
    }))
}

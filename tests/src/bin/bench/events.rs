use driver_events_core::Envelope;
use driver_events_core::conformance::samples;
use driver_events_types::{DriverEvent, GoalId};

use crate::Failure;
use crate::plain_contract::PlainEvent;
use crate::rounds::Codec;

/// Envelopes with id and time, not yet encoded, in the mix of the realistic run.
pub(crate) fn envelopes(count: usize) -> Result<Vec<Envelope>, Failure> {
    let envelopes: Vec<_> = events(count)?.into_iter().map(Envelope::new).collect();
    for envelope in &envelopes {
        std::hint::black_box(envelope.id());
    }
    Ok(envelopes)
}

/// Events in the mix of the realistic run.
pub(crate) fn events(count: usize) -> Result<Vec<DriverEvent>, Failure> {
    let events: Vec<DriverEvent> = crate::GOAL_RUN
        .lines()
        .map(|line| DriverEvent::from_json(line.as_bytes()))
        .collect::<Result<_, _>>()?;
    Ok(events.iter().cycle().take(count).cloned().collect())
}

/// Envelopes of `goals` goals, round-robin.
pub(crate) fn of_goals(goals: u32, count: u32) -> Vec<Envelope> {
    (0..count)
        .map(|number| Envelope::new(samples::numbered(samples::goal(number % goals), number)))
        .collect()
}

/// An event on a side that is written by hand.
pub(crate) enum RawEvent {
    Ours(DriverEvent),
    Derive {
        plain: PlainEvent,
        subject: &'static str,
        goal_id: GoalId,
    },
}

/// A [`RawEvent`] with id and time.
pub(crate) struct Minted {
    /// Carries the attributes. With the plain derive, its event has only the goal.
    pub(crate) envelope: Envelope,
    pub(crate) subject: &'static str,
    pub(crate) goal_id: GoalId,
    plain: Option<PlainEvent>,
}

impl RawEvent {
    pub(crate) fn new(event: DriverEvent, codec: Codec) -> Result<Self, Failure> {
        Ok(match codec {
            Codec::Ours => Self::Ours(event),
            Codec::Derive => Self::Derive {
                plain: serde_json::from_slice(&event.to_json()?)?,
                subject: event.nats_subject(),
                goal_id: event.goal_id(),
            },
        })
    }

    pub(crate) fn write_json(&self, out: &mut Vec<u8>) -> Result<(), Failure> {
        match self {
            Self::Ours(event) => event.write_json(out)?,
            Self::Derive { plain, .. } => serde_json::to_writer(out, plain)?,
        }
        Ok(())
    }

    pub(crate) fn mint(self) -> Minted {
        match self {
            Self::Ours(event) => Minted {
                subject: event.nats_subject(),
                goal_id: event.goal_id(),
                envelope: Envelope::new(event),
                plain: None,
            },
            Self::Derive {
                plain,
                subject,
                goal_id,
            } => Minted {
                subject,
                goal_id,
                envelope: Envelope::new(DriverEvent::Escalate {
                    goal_id,
                    reason: String::new(),
                }),
                plain: Some(plain),
            },
        }
    }
}

impl Minted {
    pub(crate) fn json(&self) -> Result<Vec<u8>, Failure> {
        match &self.plain {
            Some(plain) => Ok(serde_json::to_vec(plain)?),
            None => Ok(self.envelope.event().ok_or("a kind that is not known")?.to_json()?),
        }
    }
}

/// Events in the mix of the realistic run.
pub(crate) fn raw_events(count: usize, codec: Codec) -> Result<Vec<RawEvent>, Failure> {
    let events = events(count)?.into_iter();
    events.map(|event| RawEvent::new(event, codec)).collect()
}

/// [`raw_events`] with id and time.
pub(crate) fn minted(count: usize, codec: Codec) -> Result<Vec<Minted>, Failure> {
    let minted: Vec<_> = raw_events(count, codec)?.into_iter().map(RawEvent::mint).collect();
    for event in &minted {
        std::hint::black_box(event.envelope.id());
    }
    Ok(minted)
}

/// Events of `goals` goals, round-robin, with id and time.
pub(crate) fn minted_of_goals(goals: u32, count: u32, codec: Codec) -> Result<Vec<Minted>, Failure> {
    let events = (0..count).map(|number| samples::numbered(samples::goal(number % goals), number));
    events.map(|event| Ok(RawEvent::new(event, codec)?.mint())).collect()
}

/// Decodes a payload and drops the event.
pub(crate) fn decode(payload: &[u8], codec: Codec) -> Result<(), Failure> {
    match codec {
        Codec::Ours => drop(std::hint::black_box(DriverEvent::from_json(payload)?)),
        Codec::Derive => drop(std::hint::black_box(serde_json::from_slice::<PlainEvent>(payload)?)),
    }
    Ok(())
}

use anyhow::{Context, Result, ensure};
use driver_events_core::Envelope;
use driver_events_core::conformance::samples;
use driver_events_types::DriverEvent;
use serde_json::Value;

/// Identifies an event of the load by its goal and its number within the goal, from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Event {
    pub(crate) goal: u32,
    pub(crate) number: u32,
}

impl Event {
    pub(crate) fn driver_event(self) -> DriverEvent {
        samples::numbered(samples::goal(self.goal), self.number)
    }

    pub(crate) fn envelope(self) -> Envelope {
        Envelope::new(self.driver_event())
    }

    /// Parses the payload of a stored message.
    ///
    /// # Errors
    /// Returns an error if the payload is not byte for byte that of [`envelope`](Self::envelope).
    pub(crate) fn parse(payload: &[u8]) -> Result<Self> {
        let json: Value = serde_json::from_slice(payload)?;
        let goal = json.get("goal_id").and_then(Value::as_str).unwrap_or_default();
        let number = json.get("turn_index").and_then(Value::as_u64);
        let event = Self {
            goal: u32::from_str_radix(goal.get(28..).unwrap_or_default(), 16).context("the goal has no number")?,
            number: u32::try_from(number.context("the event has no number")?)?,
        };
        let envelope = event.envelope();
        ensure!(
            envelope.json().is_ok_and(|json| json == payload),
            "{event:?} was changed: {}",
            String::from_utf8_lossy(payload)
        );
        Ok(event)
    }
}

#[cfg(test)]
mod tests {
    use super::Event;

    #[test]
    fn parse_accepts_only_the_unchanged_payload() {
        let event = Event {
            goal: 300,
            number: 70_000,
        };
        let json = event.envelope().json().unwrap().clone();
        assert_eq!(Event::parse(&json).unwrap(), event);
        let changed = String::from_utf8(json.to_vec())
            .unwrap()
            .replace("70000000", "70000001");
        assert!(
            Event::parse(changed.as_bytes())
                .unwrap_err()
                .to_string()
                .contains("was changed")
        );
    }
}

//! Unreadable messages of a durable consumer that the source has delivered. The server redelivers them like any others, but
//! the client never sees them: the source delivers them again when they are due.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::lock::lock;

/// Maximum number of messages. Earlier ones are forgotten: a lost ack is not sent again, and they are delivered again if the
/// server redelivers them.
const MAX_KNOWN: usize = 10_000;

#[derive(Clone, Debug, Default)]
pub(super) struct KnownUnreadable {
    by_sequence: Arc<Mutex<BTreeMap<u64, State>>>,
}

#[derive(Clone, Debug)]
enum State {
    /// Delivered and not settled, or to be redelivered: due from this time on.
    Open { due: Instant },
    /// Settled with this ack, which may have been lost.
    Settled(Bytes),
}

/// Next step for an unreadable message that the server may have sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Redelivery {
    Deliver,
    /// Send the ack again.
    Settle(Bytes),
    /// The reader has it.
    Wait,
}

impl KnownUnreadable {
    /// Forgets messages up to the ack floor.
    pub(super) fn forget(&self, ack_floor: u64) {
        let mut known = lock(&self.by_sequence);
        *known = known.split_off(&ack_floor.saturating_add(1));
        while known.len() > MAX_KNOWN {
            known.pop_first();
        }
    }

    pub(super) fn redelivery(&self, sequence: u64, now: Instant) -> Redelivery {
        match lock(&self.by_sequence).get(&sequence) {
            None => Redelivery::Deliver,
            Some(State::Open { due }) if *due <= now => Redelivery::Deliver,
            Some(State::Open { .. }) => Redelivery::Wait,
            Some(State::Settled(ack)) => Redelivery::Settle(ack.clone()),
        }
    }

    /// Records a delivery, or a redelivery that was requested: due after this time.
    pub(super) fn is_due_after(&self, sequence: u64, delay: Duration) {
        let now = Instant::now();
        let due = now.checked_add(delay).unwrap_or(now);
        lock(&self.by_sequence).insert(sequence, State::Open { due });
    }

    pub(super) fn settled(&self, sequence: u64, ack: Bytes) {
        lock(&self.by_sequence).insert(sequence, State::Settled(ack));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{KnownUnreadable, Redelivery};

    #[test]
    fn redelivery_follows_what_the_reader_did() {
        let known = KnownUnreadable::default();
        let now = Instant::now();
        assert_eq!(known.redelivery(7, now), Redelivery::Deliver);
        known.is_due_after(7, Duration::from_secs(60));
        assert_eq!(known.redelivery(7, now), Redelivery::Wait);
        assert_eq!(known.redelivery(7, now + Duration::from_secs(61)), Redelivery::Deliver);
        known.settled(7, "+TERM".into());
        assert_eq!(known.redelivery(7, now), Redelivery::Settle("+TERM".into()));
        known.forget(6);
        assert_eq!(known.redelivery(7, now), Redelivery::Settle("+TERM".into()));
        known.forget(7);
        assert_eq!(known.redelivery(7, now), Redelivery::Deliver);
    }
}

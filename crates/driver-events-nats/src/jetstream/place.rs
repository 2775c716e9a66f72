//! Where a message stands, as the subject tells on which it is answered.

/// The sequences of a message: `$JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.…`, since server 2.11 also with domain and
/// account behind `$JS.ACK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// In the stream.
    pub(super) sequence: u64,
    /// Among all that the consumer delivered, from 1: a gap is what did not arrive.
    pub(super) delivery: u64,
}

impl Place {
    /// None where the subject is not that of a message from a consumer.
    pub(super) fn of_reply(reply: &str) -> Option<Self> {
        let rest = reply.strip_prefix("$JS.ACK.")?;
        let tokens = rest.split('.').count();
        let before = match tokens {
            7 => 2,
            9.. => 4,
            _ => return None,
        };
        let mut tokens = rest.split('.').skip(before);
        // How often this message was delivered.
        tokens.next()?.parse::<u64>().ok()?;
        let sequence = tokens.next()?.parse().ok()?;
        let delivery = tokens.next()?.parse().ok()?;
        Some(Self { sequence, delivery })
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn both_forms_tell_the_place() {
        let place = Some(Place {
            sequence: 45,
            delivery: 47,
        });
        assert_eq!(
            Place::of_reply("$JS.ACK.DRIVER.billing.2.45.47.1700000000000000000.3"),
            place
        );
        let new = "$JS.ACK.hub.AbCd.DRIVER.billing.2.45.47.1700000000000000000.3";
        assert_eq!(Place::of_reply(new), place);
        assert_eq!(Place::of_reply(&format!("{new}.xyz")), place);
        for other in ["", "_INBOX.x", "$JS.ACK.a.b", "$JS.ACK.a.b.x.45.47.1.3"] {
            assert_eq!(Place::of_reply(other), None, "{other}");
        }
    }
}

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex};

use async_nats::Message;
use tokio::sync::Notify;

use crate::lock::lock;

/// Queue between the connection and the reader, bounded by messages and bytes.
///
/// The queue of the client is not enough: it does not count what it drops, and has no bound in bytes.
#[derive(Debug)]
pub(super) struct Queue {
    content: Mutex<Content>,
    changed: Notify,
    max_messages: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Content {
    waiting: Waiting,
    /// Size of the queued messages and of those that the reader took last and may still hold.
    size: Size,
    taken: Size,
    has_ended: bool,
}

/// Queued messages and the gaps between them.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Each message with the gap before it.
    messages: VecDeque<(Gap, Message)>,
    gap_at_end: Gap,
}

/// Messages missed at one position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gap {
    /// Number of messages received and dropped.
    pub(super) dropped: u64,
    /// Whether the client reconnected: messages published meanwhile were not received.
    pub(super) is_reconnected: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Size {
    messages: usize,
    bytes: usize,
}

#[derive(Debug)]
pub(super) enum Next {
    Message(Message),
    Gap(Gap),
}

impl Queue {
    pub(super) fn new(max_messages: usize, max_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            content: Mutex::default(),
            changed: Notify::new(),
            max_messages,
            max_bytes,
        })
    }

    /// Queues a message, or counts it as dropped if the queue is full. An empty queue accepts a message of any size.
    pub(super) fn push(&self, message: Message) {
        let mut content = lock(&self.content);
        let size = content.size;
        let has_room = size.messages == 0
            || (size.messages < self.max_messages && size.bytes.saturating_add(message.length) <= self.max_bytes);
        if has_room {
            content.size.messages += 1;
            content.size.bytes += message.length;
            let gap = mem::take(&mut content.waiting.gap_at_end);
            content.waiting.messages.push_back((gap, message));
        } else {
            content.waiting.gap_at_end.dropped += 1;
        }
        drop(content);
        self.changed.notify_one();
    }

    pub(super) fn push_reconnected(&self) {
        lock(&self.content).waiting.gap_at_end.is_reconnected = true;
        self.changed.notify_one();
    }

    /// Ends the queue: no more messages follow.
    pub(super) fn end(&self) {
        lock(&self.content).has_ended = true;
        self.changed.notify_one();
    }

    /// Frees the capacity of the messages taken last.
    pub(super) fn release(&self) {
        lock(&self.content).release();
    }

    /// Takes all queued messages and frees the capacity of those taken before. `None` if the queue is empty and has ended.
    pub(super) fn take(&self) -> Option<Waiting> {
        let mut content = lock(&self.content);
        content.release();
        content.taken = content.size;
        let waiting = mem::take(&mut content.waiting);
        (!waiting.is_empty() || !content.has_ended).then_some(waiting)
    }

    /// Waits until [`take`](Self::take) may return messages. For a single reader.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Content {
    fn release(&mut self) {
        let taken = mem::take(&mut self.taken);
        self.size.messages -= taken.messages;
        self.size.bytes -= taken.bytes;
    }
}

impl Waiting {
    pub(super) fn next(&mut self) -> Option<Next> {
        let gap = match self.messages.front_mut() {
            Some((gap, _)) => gap,
            None => &mut self.gap_at_end,
        };
        if *gap != Gap::default() {
            return Some(Next::Gap(mem::take(gap)));
        }
        self.messages.pop_front().map(|(_, message)| Next::Message(message))
    }

    pub(super) fn has_messages(&self) -> bool {
        !self.messages.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.has_messages() && self.gap_at_end == Gap::default()
    }
}

#[cfg(test)]
mod tests {
    use async_nats::Message;

    use super::{Gap, Next, Queue, Waiting};

    fn message(length: usize) -> Message {
        Message {
            subject: "agent.driver.escalate".into(),
            reply: None,
            payload: Default::default(),
            headers: None,
            status: None,
            description: None,
            length,
        }
    }

    /// Lengths of the messages, and the dropped counts of the gaps as negative numbers.
    fn all(mut waiting: Waiting) -> Vec<i64> {
        let mut found = Vec::new();
        while let Some(next) = waiting.next() {
            found.push(match next {
                Next::Message(message) => i64::try_from(message.length).unwrap(),
                Next::Gap(gap) => -i64::try_from(gap.dropped).unwrap(),
            });
        }
        found
    }

    #[test]
    fn full_queue_counts_dropped_messages_at_their_position() {
        let queue = Queue::new(2, 1_000);
        for length in 1..=5 {
            queue.push(message(length));
        }
        assert_eq!(all(queue.take().unwrap()), [1, 2, -3]);
        // The reader may still hold them.
        queue.push(message(6));
        assert_eq!(all(queue.take().unwrap()), [-1]);
        queue.push(message(7));
        assert_eq!(all(queue.take().unwrap()), [7]);
        queue.release();
        queue.push(message(8));
        queue.push(message(9));
        assert_eq!(all(queue.take().unwrap()), [8, 9]);
    }

    #[test]
    fn queue_is_bounded_by_bytes() {
        let queue = Queue::new(100, 1_000);
        queue.push(message(5_000));
        queue.push(message(1));
        assert_eq!(all(queue.take().unwrap()), [5_000, -1]);
        assert!(queue.take().unwrap().is_empty());
        for length in [600, 400, 1] {
            queue.push(message(length));
        }
        assert_eq!(all(queue.take().unwrap()), [600, 400, -1]);
    }

    #[test]
    fn adjacent_gaps_are_merged() {
        let queue = Queue::new(1, 1_000);
        queue.push(message(1));
        for _ in 0..3 {
            queue.push(message(1));
            queue.push_reconnected();
        }
        let mut waiting = queue.take().unwrap();
        assert!(matches!(waiting.next(), Some(Next::Message(_))));
        let expected = Gap {
            dropped: 3,
            is_reconnected: true,
        };
        assert!(matches!(waiting.next(), Some(Next::Gap(gap)) if gap == expected));
        assert!(waiting.next().is_none());
    }

    #[test]
    fn ends_after_queued_messages() {
        let queue = Queue::new(1, 1_000);
        queue.push(message(1));
        queue.end();
        assert_eq!(all(queue.take().unwrap()), [1]);
        assert!(queue.take().is_none());
    }
}

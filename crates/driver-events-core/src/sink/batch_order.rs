/// What [`send_batch`](crate::DriverEventSink::send_batch) does with the later events of a goal after one of its events
/// failed for a reason that is not [about the event](crate::SinkError::is_about_event).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BatchOrder {
    /// They may be delivered, before the failed event is retried. A caller that needs the order sends each event of a goal
    /// after the previous one succeeded.
    BestEffort,
    /// They may be delivered if they were in flight with the failed one. The sink retries in order until its own timeout, so
    /// it seldom happens that an event fails and the next one of its goal does not. A caller limits it: it sends few events
    /// of a goal in a batch, and after a failure one after another.
    Pipelined,
    /// They fail with the same kind and the fate [`NotSent`](crate::Fate::NotSent), so the caller can retry them in order.
    /// Events of other goals go on.
    StopsGoal,
}

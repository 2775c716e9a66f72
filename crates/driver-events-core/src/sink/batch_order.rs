/// What [`send_batch`](crate::DriverEventSink::send_batch) does with the later events of a goal after one of its events
/// failed for a reason that is not [about the event](crate::SinkError::is_about_event).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BatchOrder {
    /// They may be delivered, before the failed event is retried. A caller that needs the order sends each event of a goal
    /// after the previous one succeeded.
    BestEffort,
    /// They fail with the same kind and the fate [`NotSent`](crate::Fate::NotSent), so the caller can retry them in order.
    /// Events of other goals go on.
    StopsGoal,
}

use driver_events_types::DecodeError;

/// The most characters of a kind that are told: a hostile one may be as long as the text.
const MAX_KIND_CHARS: usize = 100;

/// `KIND.PATH: MESSAGE`: what is wrong with an event, in words, without the place in the text. Whatever the text holds,
/// this is short, one line, and does nothing to a terminal.
pub(crate) fn reason_of(error: &DecodeError) -> String {
    let mut reason = String::new();
    if let Some(kind) = error.event_kind() {
        reason.extend(kind.chars().take(MAX_KIND_CHARS).flat_map(char::escape_debug));
        if !error.path().is_empty() {
            reason.push('.');
            reason.push_str(error.path());
        }
        reason.push_str(": ");
    }
    reason.push_str(error.message());
    reason
}

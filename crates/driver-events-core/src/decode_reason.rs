use driver_events_types::DecodeError;

/// Maximum length of an event kind in a reason: a hostile kind may be as long as the input.
const MAX_KIND_CHARS: usize = 100;

/// Formats a decode error as `KIND.PATH: MESSAGE`, without its position. The result is short, on one line and free of
/// terminal escapes, whatever the input contains.
pub(crate) fn decode_reason(error: &DecodeError) -> String {
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

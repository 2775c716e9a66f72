/// Returns `1 event`, `2 events`.
pub(super) fn pluralize(count: u64, noun: &str) -> String {
    let suffix = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{suffix}")
}

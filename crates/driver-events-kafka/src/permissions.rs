//! What to allow where a permission is missing, as a command.

/// Allows something of a topic.
pub(crate) fn topic(operation: &str, topic: &str) -> String {
    allow(operation, &format!("--topic '{topic}'"))
}

/// Allows something of each of the topics.
pub(crate) fn topics(operation: &str, topics: &[String]) -> String {
    let each: Vec<_> = topics.iter().map(|topic| format!("--topic '{topic}'")).collect();
    allow(operation, &each.join(" "))
}

/// Allows to be a member of a group.
pub(crate) fn group(group: &str) -> String {
    allow("Read", &format!("--group '{group}'"))
}

fn allow(operation: &str, resource: &str) -> String {
    format!(
        "allow the principal {} on it (kafka-acls --add --allow-principal User:… --operation {operation} {resource})",
        operation.to_uppercase()
    )
}

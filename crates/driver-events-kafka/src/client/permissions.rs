//! The `kafka-acls` commands that grant missing permissions, for error texts.

/// Grants an operation on a topic.
pub(crate) fn topic(operation: &str, topic: &str) -> String {
    grant(operation, &format!("--topic '{topic}'"))
}

/// Grants an operation on each of the topics.
pub(crate) fn topics(operation: &str, topics: &[String]) -> String {
    let each: Vec<_> = topics.iter().map(|topic| format!("--topic '{topic}'")).collect();
    grant(operation, &each.join(" "))
}

/// Grants membership of a group.
pub(crate) fn group(group: &str) -> String {
    grant("Read", &format!("--group '{group}'"))
}

fn grant(operation: &str, resource: &str) -> String {
    format!(
        "grant the principal {} (kafka-acls --add --allow-principal User:… --operation {operation} {resource})",
        operation.to_uppercase()
    )
}

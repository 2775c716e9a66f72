//! The rules for names: of kinds, subjects and topics.

use super::{ALL_KINDS, Finding, Line, List, grammar};

/// Returns the names that are malformed or collide. Only the lists of names have rules.
pub(super) fn faults(list: List, code: &[Line]) -> Vec<Finding> {
    if !List::NAMES.contains(&list) {
        return Vec::new();
    }
    let mut findings = malformed(list, code);
    findings.extend(collisions(code));
    findings
}

fn malformed(list: List, code: &[Line]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for Line { key, value } in code {
        let of_key = match list {
            List::Topics if key == ALL_KINDS => None,
            _ => grammar::kind_fault(key),
        };
        let of_value = match list {
            List::Subjects => [
                grammar::nats_fault(value),
                grammar::kafka_fault(value),
                grammar::subject_fault(value),
            ],
            _ => [grammar::kafka_fault(value), grammar::topic_fault(value), None],
        };
        let of_key = of_key.map(|fault| (key, fault));
        let of_value = of_value.into_iter().flatten().map(|fault| (value, fault));
        findings.extend(
            of_key
                .into_iter()
                .chain(of_value)
                .map(|(name, fault)| Finding::Malformed {
                    name: name.clone(),
                    fault,
                }),
        );
    }
    findings
}

fn collisions(code: &[Line]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, left) in code.iter().enumerate() {
        for right in code.iter().skip(index + 1) {
            let (one, other) = (&left.value, &right.value);
            if left.key == right.key {
                findings.push(Finding::Collision(format!("two kinds are named `{}`", left.key)));
            }
            if one == other {
                let kinds = format!("`{}` and `{}`", left.key, right.key);
                findings.push(Finding::Collision(format!("{kinds} both have the name `{one}`")));
            } else if grammar::metric_name(one) == grammar::metric_name(other) {
                let text = format!("`{one}` and `{other}` are the same in Kafka's metrics");
                findings.push(Finding::Collision(text));
            }
        }
    }
    findings
}

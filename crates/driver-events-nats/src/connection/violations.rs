use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock::lock;

/// Maximum number of subjects whose permissions violations are counted.
const MAX_DENIED_SUBJECTS: usize = 1_000;

/// Permissions violations that the server has reported on one connection.
#[derive(Debug)]
pub(super) struct Violations {
    /// Every inbox is used once, so violations for inboxes are counted under their prefix.
    inbox_prefix: String,
    by_permission: Mutex<BTreeMap<Permission, Violation>>,
}

/// Permission that the server denies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Permission {
    Publish(String),
    Subscribe(String),
}

#[derive(Clone, Copy, Debug)]
struct Violation {
    count: u64,
    last: Instant,
}

impl Violations {
    pub(super) fn new(inbox_prefix: &str) -> Self {
        Self {
            inbox_prefix: inbox_prefix.to_owned(),
            by_permission: Mutex::default(),
        }
    }

    /// Counts a server error if it is a permissions violation. Returns whether it is.
    pub(super) fn observe(&self, server_error: &str) -> bool {
        let Some(permission) = self.parse(server_error) else {
            return false;
        };
        let mut violations = lock(&self.by_permission);
        if violations.len() < MAX_DENIED_SUBJECTS || violations.contains_key(&permission) {
            let last = Instant::now();
            let entry = violations.entry(permission).or_insert(Violation { count: 0, last });
            entry.count += 1;
            entry.last = last;
        }
        true
    }

    /// Returns whether the server denied publishing to the subject during the past `within`.
    pub(super) fn is_publish_denied(&self, subject: &str, within: Duration) -> bool {
        let permission = Permission::Publish(self.key(subject));
        let violations = lock(&self.by_permission);
        violations
            .get(&permission)
            .is_some_and(|violation| violation.last.elapsed() < within)
    }

    /// Returns whether the server denied the subscription in the current epoch.
    pub(super) fn is_subscribe_denied(&self, subject: &str) -> bool {
        let permission = Permission::Subscribe(self.key(subject));
        lock(&self.by_permission).contains_key(&permission)
    }

    /// Counts the publish violations on the selected subjects over all epochs, and returns one of the subjects. A lower
    /// bound: the client's event queue drops what exceeds its capacity.
    pub(super) fn count_publish(&self, is_selected: impl Fn(&str) -> bool) -> (u64, Option<String>) {
        let mut total = (0, None);
        for (permission, violation) in lock(&self.by_permission).iter() {
            if let Permission::Publish(subject) = permission
                && is_selected(subject)
            {
                total.0 += violation.count;
                total.1.get_or_insert_with(|| subject.clone());
            }
        }
        total
    }

    /// A new connection repeats every subscription, and the server denies it again.
    pub(super) fn forget_subscriptions(&self) {
        lock(&self.by_permission).retain(|permission, _| matches!(permission, Permission::Publish(_)));
    }

    /// Parses `Permissions Violation for Publish to "SUBJECT"`.
    fn parse(&self, server_error: &str) -> Option<Permission> {
        let (operation, rest) = server_error.split_once('"')?;
        let (subject, _) = rest.split_once('"')?;
        match operation.to_ascii_lowercase().trim_end() {
            "permissions violation for publish to" => Some(Permission::Publish(self.key(subject))),
            "permissions violation for subscription to" => Some(Permission::Subscribe(self.key(subject))),
            _ => None,
        }
    }

    fn key(&self, subject: &str) -> String {
        let below_prefix = subject.strip_prefix(&self.inbox_prefix);
        match below_prefix.is_some_and(|rest| rest.starts_with('.')) {
            true => self.inbox_prefix.clone(),
            false => subject.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Violations;

    #[test]
    fn violations_are_counted_by_subject() {
        let hour = Duration::from_secs(3_600);
        let violations = Violations::new("_INBOX");
        assert!(!violations.is_publish_denied("a.b", hour));
        for _ in 0..3 {
            assert!(violations.observe("Permissions Violation for Publish to \"a.b\""));
        }
        assert!(violations.observe("Permissions Violation for Subscription to \"a.>\" using queue \"q\""));
        assert!(!violations.observe("Maximum Connections Exceeded"));
        assert!(violations.is_publish_denied("a.b", hour));
        assert!(!violations.is_publish_denied("a.b", Duration::ZERO));
        assert!(!violations.is_publish_denied("a.c", hour));
        assert_eq!(
            violations.count_publish(|subject| subject.starts_with("a.")),
            (3, Some("a.b".into()))
        );
        assert!(violations.is_subscribe_denied("a.>"));
        violations.forget_subscriptions();
        assert!(!violations.is_subscribe_denied("a.>"));
        for number in 0..3 {
            let text = format!("Permissions Violation for Subscription to \"_INBOX.{number}\"");
            assert!(violations.observe(&text));
        }
        assert!(violations.is_subscribe_denied("_INBOX.7.*"));
        assert_eq!(violations.by_permission.lock().unwrap().len(), 2);
    }

    #[test]
    fn the_number_of_denied_subjects_is_bounded() {
        let violations = Violations::new("_INBOX");
        for number in 0..5_000 {
            violations.observe(&format!("Permissions Violation for Publish to \"a.{number}\""));
        }
        assert_eq!(violations.count_publish(|_| true).0, 1_000);
    }
}

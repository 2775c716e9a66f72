//! Patterns of subjects: `*` matches one token, `>` the rest.

/// Returns whether `pattern` matches every subject that `subject` matches. `subject` may end with `>`.
pub(in crate::jetstream) fn covers(pattern: &str, subject: &str) -> bool {
    let mut subject = subject.split('.');
    for token in pattern.split('.') {
        match (token, subject.next()) {
            (_, None) => return false,
            (">", Some(_)) => return true,
            (_, Some(">")) => return false,
            ("*", Some(_)) => {}
            (token, Some(other)) if token == other => {}
            _ => return false,
        }
    }
    subject.next().is_none()
}

/// Returns whether a subject exists that matches both patterns.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let mut others = other.split('.');
    for token in one.split('.') {
        match (token, others.next()) {
            (_, None) => return false,
            (">", Some(_)) | (_, Some(">")) => return true,
            ("*", Some(_)) | (_, Some("*")) => {}
            (token, Some(other)) if token == other => {}
            _ => return false,
        }
    }
    others.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::{covers, overlap};

    #[test]
    fn patterns_overlap_if_a_subject_matches_both() {
        for (one, other) in [
            (">", "a.b"),
            ("a.>", "a.b.c"),
            ("a.b", "a.b"),
            ("*.b", "a.*"),
            ("a.*", "a.>"),
            ("*.b.>", "a.>"),
        ] {
            assert!(overlap(one, other) && overlap(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("a.>", "b.>"),
            ("a", "a.>"),
            ("a.b", "a.b.c"),
            ("t.a.>", "a.>"),
            ("*", "a.b"),
        ] {
            assert!(!overlap(one, other) && !overlap(other, one), "{one} {other}");
        }
    }

    #[test]
    fn a_pattern_covers_narrower_ones() {
        for (pattern, subject) in [
            (">", "a.b"),
            ("a.>", "a.b"),
            ("a.>", "a.b.c"),
            ("a.>", "a.>"),
            ("a.*", "a.b"),
            ("*.b", "a.b"),
            ("a.b", "a.b"),
        ] {
            assert!(covers(pattern, subject), "{pattern} {subject}");
        }
        for (pattern, subject) in [
            ("a.>", "a"),
            ("a.*", "a.b.c"),
            ("a.*", "a.>"),
            ("a.b", "a.b.c"),
            ("a.b.c", "a.b"),
            ("a.b.>", "a.>"),
            ("b.>", "a.b"),
        ] {
            assert!(!covers(pattern, subject), "{pattern} {subject}");
        }
    }
}

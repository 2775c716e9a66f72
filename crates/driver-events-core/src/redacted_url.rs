use std::borrow::Cow;

/// Returns a URL without user and password, for logs and errors: `nats://ada:s3cret@host` becomes `nats://..@host`.
///
/// Removes everything before the last `@`, which may be a secret even if the URL is invalid. A `file:` URL is returned
/// unchanged: it has no user.
#[must_use]
pub fn redacted_url(url: &str) -> Cow<'_, str> {
    let scheme = url.split(':').next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case("file") {
        return Cow::Borrowed(url);
    }
    let Some((before, after)) = url.rsplit_once('@') else {
        return Cow::Borrowed(url);
    };
    let scheme = before.split_once("://").map(|(scheme, _)| format!("{scheme}://"));
    Cow::Owned(format!("{}..@{after}", scheme.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::redacted_url;

    #[test]
    fn users_and_passwords_are_redacted() {
        for (url, expected) in [
            ("nats://ada:s3cret@h:4222?bare", "nats://..@h:4222?bare"),
            ("nats://ada:s3@cret@h,i", "nats://..@h,i"),
            ("jetstream://s3cret@h/DRIVER", "jetstream://..@h/DRIVER"),
            ("ada:s3cret@h", "..@h"),
            ("file:///home/ada@h/events", "file:///home/ada@h/events"),
            ("nats://h:4222", "nats://h:4222"),
        ] {
            assert_eq!(redacted_url(url), expected);
        }
    }
}

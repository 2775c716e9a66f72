//! Messages that async-nats cannot read. The server relays whatever bytes a publisher sends; async-nats ends the connection
//! at bytes that it cannot parse, and its connection task panics at a carriage return in a header value.

use std::str::from_utf8;

use async_nats::{HeaderName, StatusCode};

/// Text that the JSON of the server has for each byte of a subject that is not UTF-8.
const REPLACEMENT: char = '\u{fffd}';

/// Returns why async-nats cannot read the message; `None` if it can. Mirrors the parser of async-nats 0.51.
///
/// `subject` is from the JSON of the server, `headers` the block of headers with its first line, empty without headers.
pub(crate) fn reason(subject: &str, headers: &[u8]) -> Option<&'static str> {
    if subject.contains(REPLACEMENT) {
        return Some("the subject is not valid UTF-8");
    }
    if headers.is_empty() {
        return None;
    }
    if subject.contains(char::is_whitespace) {
        return Some("the subject contains whitespace");
    }
    let Ok(headers) = from_utf8(headers) else {
        return Some("the headers are not valid UTF-8");
    };
    let mut lines = headers.lines().peekable();
    let Some(status) = lines.next().and_then(|line| line.strip_prefix("NATS/1.0")) else {
        return Some("the headers do not start with `NATS/1.0`");
    };
    let status = status.trim();
    let code = status.split_once(' ').map_or(status, |(code, _)| code.trim());
    if !code.is_empty() && code.parse::<StatusCode>().is_err() {
        return Some("the status code of the headers is invalid");
    }
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let Some((name, value)) = line.split_once(':') else {
            return Some("a header line has no colon");
        };
        if name.parse::<HeaderName>().is_err() {
            return Some("a header name contains blanks, control characters or non-ASCII characters");
        }
        let mut value = value.trim_start().to_owned();
        while let Some(continuation) = lines.next_if(|line| line.starts_with(char::is_whitespace)) {
            value.push_str(continuation);
        }
        if value.trim_end().contains('\r') {
            return Some("a header value contains a carriage return");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn readable_messages_have_no_reason() {
        for headers in [
            "",
            "NATS/1.0\r\n\r\n",
            "NATS/1.0 404 No Messages\r\n\r\n",
            "NATS/1.0\r\nce-id: 1\r\nce-id:\r\nX-Author: Jos\u{e9}\r\n\r\n",
            "NATS/1.0\r\nX: folded\r\n  value\r\n\r\n",
            "NATS/1.0\r\n: no name\r\n\r\n",
        ] {
            assert_eq!(reason("agent.driver.escalate", headers.as_bytes()), None, "{headers:?}");
        }
    }

    #[test]
    fn unreadable_messages_have_a_reason() {
        for headers in [
            "NATS/2.0\r\n\r\n",
            "garbage",
            "NATS/1.0 x\r\n\r\n",
            "NATS/1.0 99\r\n\r\n",
            "NATS/1.0\r\nX Y: 1\r\n\r\n",
            "NATS/1.0\r\nno colon\r\n\r\n",
            "NATS/1.0\r\nX: a\rb\r\n\r\n",
            "NATS/1.0\r\n\u{e9}: 1\r\n\r\n",
        ] {
            assert!(
                reason("agent.driver.escalate", headers.as_bytes()).is_some(),
                "{headers:?}"
            );
        }
        assert!(reason("agent.driver.escalate", b"NATS/1.0\r\nX: Jos\xe9\r\n\r\n").is_some());
        assert!(reason("agent.driver.\u{fffd}", b"").is_some());
        assert!(reason("agent.driver.\u{a0}", b"NATS/1.0\r\n\r\n").is_some());
        assert_eq!(reason("agent.driver.\u{a0}", b""), None);
    }
}

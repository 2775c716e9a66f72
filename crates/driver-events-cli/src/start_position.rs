use std::time::SystemTime;

use chrono::DateTime;

use crate::url::UrlError;

/// Position at which a reader of stored events starts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StartPosition {
    Earliest,
    Latest,
    Time(SystemTime),
}

impl StartPosition {
    /// Parses the URL parameter `offset`: `earliest`, `latest` or an RFC 3339 time.
    pub(crate) fn parse_offset(text: &str) -> Result<Self, UrlError> {
        match text {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            time => rfc3339(time).map(Self::Time).ok_or_else(|| {
                UrlError::new(format!(
                    "`offset` must be `earliest`, `latest` or a time such as 2026-01-31T12:00:00Z, not `{time}`"
                ))
            }),
        }
    }

    /// Parses the option `--since`: an RFC 3339 time or a duration before now.
    pub(crate) fn parse_since(text: &str) -> Result<Self, String> {
        let ago = || {
            let ago = humantime::parse_duration(text).ok()?;
            Some(SystemTime::now().checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH))
        };
        rfc3339(text)
            .or_else(ago)
            .map(Self::Time)
            .ok_or_else(|| "expected a duration such as `10m` or a time such as `2026-01-31T12:00:00Z`".to_owned())
    }
}

fn rfc3339(text: &str) -> Option<SystemTime> {
    DateTime::parse_from_rfc3339(text).ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::StartPosition;

    #[test]
    fn time_accepts_any_utc_offset() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(8 * 3600);
        for text in ["1970-01-01T08:00:00Z", "1970-01-01T10:30:00+02:30"] {
            assert!(
                matches!(StartPosition::parse_offset(text), Ok(StartPosition::Time(found)) if found == time),
                "{text}"
            );
            assert!(
                matches!(StartPosition::parse_since(text), Ok(StartPosition::Time(found)) if found == time),
                "{text}"
            );
        }
        for text in ["", "10m", "1970-01-01"] {
            assert!(StartPosition::parse_offset(text).is_err(), "{text}");
        }
        for text in ["", "soon", "latest", "10"] {
            assert!(StartPosition::parse_since(text).is_err(), "{text}");
        }
    }

    #[test]
    fn duration_counts_back_from_now() {
        let Ok(StartPosition::Time(time)) = StartPosition::parse_since("1h 30m") else {
            panic!("a duration must be accepted");
        };
        let ago = time.elapsed().unwrap();
        assert!(
            ago >= Duration::from_secs(5_400) && ago < Duration::from_secs(5_460),
            "{ago:?}"
        );
    }
}

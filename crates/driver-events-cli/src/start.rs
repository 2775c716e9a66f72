use std::time::SystemTime;

use chrono::DateTime;

use crate::url::UrlError;

/// Where to begin to read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    Earliest,
    Latest,
    Time(SystemTime),
}

impl Start {
    /// `earliest`, `latest` or a time as in RFC 3339: the parameter `offset`.
    pub(crate) fn offset(text: &str) -> Result<Self, UrlError> {
        match text {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            time => rfc3339(time).map(Self::Time).ok_or_else(|| {
                UrlError::new(format!(
                    "`offset` is `earliest`, `latest` or a time such as 2026-01-31T12:00:00Z, and not `{time}`"
                ))
            }),
        }
    }

    /// A time as in RFC 3339, or so long ago: the option `--since`.
    pub(crate) fn since(text: &str) -> Result<Self, String> {
        let ago = || {
            let ago = humantime::parse_duration(text).ok()?;
            Some(SystemTime::now().checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH))
        };
        rfc3339(text).or_else(ago).map(Self::Time).ok_or_else(|| {
            "it is neither a duration such as `10m` nor a time such as `2026-01-31T12:00:00Z`".to_owned()
        })
    }
}

fn rfc3339(text: &str) -> Option<SystemTime> {
    DateTime::parse_from_rfc3339(text).ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::Start;

    #[test]
    fn a_time_may_have_any_offset() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(8 * 3600);
        for text in ["1970-01-01T08:00:00Z", "1970-01-01T10:30:00+02:30"] {
            assert!(
                matches!(Start::offset(text), Ok(Start::Time(found)) if found == time),
                "{text}"
            );
            assert!(
                matches!(Start::since(text), Ok(Start::Time(found)) if found == time),
                "{text}"
            );
        }
        for text in ["", "10m", "1970-01-01"] {
            assert!(Start::offset(text).is_err(), "{text}");
        }
        for text in ["", "soon", "latest", "10"] {
            assert!(Start::since(text).is_err(), "{text}");
        }
    }

    #[test]
    fn since_a_duration_is_so_long_ago() {
        let Ok(Start::Time(time)) = Start::since("1h 30m") else {
            panic!("it is a duration");
        };
        let ago = time.elapsed().unwrap();
        assert!(
            ago >= Duration::from_secs(5_400) && ago < Duration::from_secs(5_460),
            "{ago:?}"
        );
    }
}

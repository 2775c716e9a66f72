use std::str::FromStr;
use std::time::SystemTime;

use chrono::DateTime;
use serde::Deserialize;

/// Position at which a reader of stored events starts.
///
/// Parsed from `earliest`, `latest`, a time such as `2026-01-31T12:00:00Z`
/// ([RFC 3339](https://www.rfc-editor.org/rfc/rfc3339)) or a duration before now, such as `10m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
#[non_exhaustive]
pub enum StartPosition {
    /// The first stored event.
    Earliest,
    /// The first event stored after the reader starts.
    Latest,
    /// The first event stored at this time or later.
    Time(SystemTime),
}

/// An error from parsing a [`StartPosition`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a duration such as `10m`, a time such as `2026-01-31T12:00:00Z`, `earliest` or `latest`, not `{}`",
    .0.escape_debug()
)]
pub struct InvalidStartPosition(String);

impl FromStr for StartPosition {
    type Err = InvalidStartPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "earliest" => return Ok(Self::Earliest),
            "latest" => return Ok(Self::Latest),
            _ => {}
        }
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Time(time.into()));
        }
        match humantime::parse_duration(text) {
            Ok(ago) => {
                let time = SystemTime::now().checked_sub(ago);
                Ok(Self::Time(time.unwrap_or(SystemTime::UNIX_EPOCH)))
            }
            Err(_) => Err(InvalidStartPosition(text.to_owned())),
        }
    }
}

impl TryFrom<String> for StartPosition {
    type Error = InvalidStartPosition;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::StartPosition;

    #[test]
    fn time_accepts_any_utc_offset() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(8 * 3600);
        for text in ["1970-01-01T08:00:00Z", "1970-01-01T10:30:00+02:30"] {
            assert_eq!(text.parse(), Ok(StartPosition::Time(time)), "{text}");
        }
        for text in ["", "soon", "10", "1970-01-01"] {
            assert!(text.parse::<StartPosition>().is_err(), "{text}");
        }
    }

    #[test]
    fn duration_counts_back_from_now() {
        let Ok(StartPosition::Time(time)) = "1h 30m".parse() else {
            panic!("a duration must be accepted");
        };
        let ago = time.elapsed().unwrap();
        assert!(
            ago >= Duration::from_secs(5_400) && ago < Duration::from_secs(5_460),
            "{ago:?}"
        );
    }
}

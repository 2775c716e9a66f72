//! The versions that tools print.

use std::fmt;

/// Major and minor version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u32, pub(super) u32);

impl Version {
    /// Returns the first version in `text` that follows `prefix`. A missing minor version is 0.
    pub(super) fn after(prefix: &str, text: &str) -> Option<Self> {
        let (_, rest) = text.split_once(prefix)?;
        let number = |text: &str| {
            let digits = text.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse().ok()
        };
        let minor = rest
            .split_once('.')
            .filter(|(major, _)| number(major).is_some_and(|n: u32| n.to_string() == *major));
        Some(Self(
            number(rest)?,
            minor.and_then(|(_, minor)| number(minor)).unwrap_or(0),
        ))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(major, 0) => write!(f, "{major}"),
            Self(major, minor) => write!(f, "{major}.{minor}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_tools_are_parsed() {
        for (prefix, text, version) in [
            ("go", "go1.26.8\nauto\n", Version(1, 26)),
            ("go", "go1.27rc1\nlocal\n", Version(1, 27)),
            ("git version ", "git version 2.39.5 (Apple Git-154)", Version(2, 39)),
            ("version \"", "openjdk version \"17.0.15\" 2025-04-15", Version(17, 0)),
            ("version \"", "java version \"1.8.0_402\"", Version(1, 8)),
            ("version \"", "openjdk version \"24-ea\" 2025-03-18", Version(24, 0)),
            ("version \"", "openjdk version \"25\" 2025-09.16", Version(25, 0)),
            ("Python ", "Python 3.11.7\n", Version(3, 11)),
        ] {
            assert_eq!(Version::after(prefix, text), Some(version), "{text}");
        }
        assert_eq!(Version::after("go", "no such command"), None);
        assert_eq!(Version::after("Python ", "Python three"), None);
    }
}

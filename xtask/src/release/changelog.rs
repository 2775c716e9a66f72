//! The part of the changelog that describes a release.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Returns the part of the version, or else the unreleased part, with its heading.
///
/// # Errors
/// Returns an error if neither part exists, if it is empty, or if the part of the version has no date.
pub(super) fn read(root: &Path, version: &str) -> Result<String> {
    let text = fs::read_to_string(root.join("CHANGELOG.md")).context("cannot read CHANGELOG.md")?;
    part(&text, version).map(str::to_owned)
}

fn part<'a>(text: &'a str, version: &str) -> Result<&'a str> {
    let (of_version, unreleased) = (format!("## [{version}]"), "## [Unreleased]");
    let start = text.find(&of_version).or_else(|| text.find(unreleased));
    let part = start.and_then(|start| text.get(start..));
    let part = part.with_context(|| format!("CHANGELOG.md has neither `{of_version}` nor `{unreleased}`"))?;
    let next = part.match_indices("\n## ").next().map_or(part.len(), |(next, _)| next);
    let part = part.get(..next).unwrap_or(part).trim_end();
    let (heading, body) = part.split_once('\n').unwrap_or((part, ""));
    ensure!(!body.trim().is_empty(), "the part `{heading}` of CHANGELOG.md is empty");
    let is_dated = heading
        .strip_prefix(&of_version)
        .is_none_or(|rest| rest.starts_with(" - 2"));
    ensure!(
        is_dated,
        "the heading `{heading}` of CHANGELOG.md has no date: write `{of_version} - YYYY-MM-DD`"
    );
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn part_of_the_version_comes_before_the_unreleased_one() {
        let both = "# Changelog\n\n## [Unreleased]\n\n- later\n\n## [0.2.0] - 2026-05-01\n\n- now\n\n## [0.1.0] - 2026-01-01\n\n- old\n";
        assert_eq!(part(both, "0.2.0").unwrap(), "## [0.2.0] - 2026-05-01\n\n- now");
        assert_eq!(part(both, "0.3.0").unwrap(), "## [Unreleased]\n\n- later");
        assert_eq!(part(both, "0.1.0").unwrap(), "## [0.1.0] - 2026-01-01\n\n- old");
    }

    #[test]
    fn missing_empty_and_undated_parts_are_refused() {
        for (text, error) in [
            (
                "# Changelog\n",
                "CHANGELOG.md has neither `## [0.1.0]` nor `## [Unreleased]`",
            ),
            (
                "## [Unreleased]\n\n## [0.0.9] - 2026-01-01\n\n- old\n",
                "the part `## [Unreleased]` of CHANGELOG.md is empty",
            ),
            (
                "## [0.1.0]\n\n- now\n",
                "the heading `## [0.1.0]` of CHANGELOG.md has no date: write `## [0.1.0] - YYYY-MM-DD`",
            ),
        ] {
            assert_eq!(part(text, "0.1.0").unwrap_err().to_string(), error);
        }
    }
}

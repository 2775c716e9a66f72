//! `cargo xtask prerequisites`: every tool that the selected tests need is installed.
//!
//! It runs before anything is built, so that a new machine gets the whole list at once.

mod machine;
mod tools;
mod version;

use anyhow::{Result, bail};

use self::machine::Machine;
use self::tools::{TOOLS, Tool};
use crate::selection::Selection;

/// Checks that this machine has every tool that `selection` needs.
///
/// # Errors
/// Lists all missing tools, what needs them, and the commands that install them.
pub fn check(selection: &Selection) -> Result<()> {
    let missing = missing(selection, &Machine::this());
    if !missing.is_empty() {
        bail!("{}", report(&missing));
    }
    Ok(())
}

/// A tool that is missing, and what was found instead.
struct Missing {
    tool: &'static Tool,
    found: String,
}

fn missing(selection: &Selection, machine: &Machine) -> Vec<Missing> {
    let needed = TOOLS.iter().filter(|tool| (tool.is_needed)(selection, machine));
    needed
        .filter_map(|tool| {
            let found = (tool.probe)(machine).err()?;
            Some(Missing { tool, found })
        })
        .collect()
}

fn report(missing: &[Missing]) -> String {
    let mut lines = vec![match missing.len() {
        1 => "1 tool is missing:".to_owned(),
        count => format!("{count} tools are missing:"),
    }];
    for Missing { tool, found } in missing {
        lines.push(format!("\n  {}: {found}", tool.name));
        lines.push(format!("    needed for: {}", tool.needed_for));
        lines.extend(tool.alternative.map(|setting| format!("    or: {setting}")));
    }
    lines.push(String::new());
    for (system, command, packages) in [
        ("Debian", "apt-get install", packages(missing, |tool| tool.debian)),
        ("Homebrew", "brew install", packages(missing, |tool| tool.homebrew)),
    ] {
        if !packages.is_empty() {
            lines.push(format!("  {system}: {command} {}", packages.join(" ")));
        }
    }
    lines.extend(
        missing
            .iter()
            .filter_map(|missing| Some(format!("  {}", missing.tool.note?))),
    );
    lines.push("  --without kafka, --without nats and --no-brokers need fewer tools".to_owned());
    lines.join("\n")
}

/// Returns each package once.
fn packages(missing: &[Missing], of: fn(&Tool) -> &'static [&'static str]) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for package in missing.iter().flat_map(|missing| of(missing.tool)) {
        if !packages.contains(package) {
            packages.push(*package);
        }
    }
    packages
}

#[cfg(test)]
mod tests;

//! `cargo xtask bench build`: what each crate adds to the build of a program: crates, seconds, bytes.

mod programs;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result};

use self::programs::{PROGRAMS, Program};
use crate::cargo_tree::{crates, tree};
use crate::command;
use crate::output::progress;

/// A program in a workspace of its own, or the tool.
struct Built {
    name: &'static str,
    workspace: PathBuf,
    package: &'static str,
    binary: &'static str,
    touched: Option<PathBuf>,
}

/// The figures of one program.
struct Costs {
    crates: usize,
    from_nothing: f64,
    after_touch: Option<f64>,
    bytes: u64,
}

/// Builds each program, and prints a table.
///
/// # Errors
/// Returns an error if a program does not build.
#[expect(clippy::print_stdout, reason = "the table is what the command is asked for")]
pub fn run(root: &Path) -> Result<()> {
    let folder = root.join("target/build-costs");
    let mut table = format!(
        "{:<32} {:>7} {:>14} {:>12} {:>14}\n",
        "program", "crates", "from nothing", "after touch", "binary"
    );
    for built in programs(root, &folder)? {
        let costs = measure(&built, &folder)?;
        let touch = costs
            .after_touch
            .map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.1} s"));
        writeln!(
            table,
            "{:<32} {:>7} {:>12.1} s {touch:>12} {:>10.2} MiB",
            built.name,
            costs.crates,
            costs.from_nothing,
            costs.bytes as f64 / f64::from(1 << 20),
        )?;
    }
    println!("\n{table}");
    Ok(())
}

fn programs(root: &Path, folder: &Path) -> Result<Vec<Built>> {
    let mut all = Vec::new();
    for (number, program) in PROGRAMS.iter().enumerate() {
        let workspace = folder.join(format!("program-{number}"));
        write(root, &workspace, program)?;
        all.push(Built {
            name: program.name,
            workspace,
            package: "program",
            binary: "program",
            touched: program
                .touched
                .map(|name| root.join("crates").join(name).join("src/lib.rs")),
        });
    }
    all.push(Built {
        name: "tool",
        workspace: root.to_owned(),
        package: "driver-events-cli",
        binary: "driver-events",
        touched: Some(root.join("crates/driver-events-cli/src/main.rs")),
    });
    Ok(all)
}

/// Writes a workspace with the program and the locked versions.
fn write(root: &Path, workspace: &Path, program: &Program) -> Result<()> {
    let mut manifest =
        "[package]\nname = \"program\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n".to_owned();
    for (name, features) in program.own {
        let path = root.join("crates").join(name);
        writeln!(manifest, "{name} = {{ path = {path:?}, features = {features:?} }}")?;
    }
    writeln!(manifest, "{}", program.other)?;
    fs::create_dir_all(workspace.join("src")).context("cannot create a folder for a program")?;
    fs::write(workspace.join("Cargo.toml"), manifest).context("cannot write a manifest")?;
    fs::write(workspace.join("src/main.rs"), program.main).context("cannot write a program")?;
    fs::copy(root.join("Cargo.lock"), workspace.join("Cargo.lock")).context("cannot copy Cargo.lock")?;
    Ok(())
}

fn measure(built: &Built, folder: &Path) -> Result<Costs> {
    let development = folder.join("development");
    if development.exists() {
        fs::remove_dir_all(&development).context("cannot remove the last build")?;
    }
    progress(format_args!("{}", built.name));
    fetch(built)?;
    let from_nothing = build(built, &development, false)?;
    let after_touch = match &built.touched {
        None => None,
        Some(path) => {
            touch(path)?;
            Some(build(built, &development, false)?)
        }
    };
    let release = folder.join("release");
    build(built, &release, true)?;
    let binary = release.join("release").join(built.binary);
    let bytes = fs::metadata(&binary)
        .with_context(|| format!("cannot read the size of `{}`", binary.display()))?
        .len();
    let tree = tree(&built.workspace, built.package, "-e normal,build")?;
    Ok(Costs {
        // Without the program itself.
        crates: crates(&tree).len() - 1,
        from_nothing,
        after_touch,
        bytes,
    })
}

/// Downloads are not a part of the build.
fn fetch(built: &Built) -> Result<()> {
    command::run(command::cargo(&built.workspace).args(["fetch", "--quiet"]))
}

/// Builds, and returns the seconds. A release binary has no symbols.
fn build(built: &Built, target: &Path, is_release: bool) -> Result<f64> {
    let mut cargo = command::cargo(&built.workspace);
    cargo.args(["build", "--quiet", "--offline", "-p", built.package]);
    cargo.args(is_release.then_some("--release"));
    cargo
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    let start = Instant::now();
    command::run(&mut cargo)?;
    Ok(start.elapsed().as_secs_f64())
}

fn touch(path: &Path) -> Result<()> {
    let file = File::options().append(true).open(path);
    file.and_then(|file| file.set_modified(SystemTime::now()))
        .with_context(|| format!("cannot touch `{}`", path.display()))
}

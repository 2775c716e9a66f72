//! `cargo xtask circles`: no published crate has a cyclic import between its files, or an import through its `lib.rs`.
//!
//! A file imports the file of the longest module path in each path of its `use` declarations, whose groups do not nest.
//! Declarations count at the beginning of a line, so those of inline tests do not; nor do `mod` and `pub use`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};

/// Checks every folder of `crates`.
///
/// # Errors
/// Returns an error with each import of a file by another file of its circle, and each import through `lib.rs`.
pub fn check(root: &Path) -> Result<()> {
    let mut faults = String::new();
    for folder in fs::read_dir(root.join("crates"))? {
        let (src, mut files) = (folder?.path().join("src"), BTreeMap::new());
        read(&src, "", &mut files)?;
        for (file, imported) in find_faults(&files) {
            faults.push_str(&format!("\n{}: `{file}` imports `crate::{imported}`", src.display()));
        }
    }
    ensure!(
        faults.is_empty(),
        "cyclic imports between files, and imports through lib.rs:{faults}"
    );
    Ok(())
}

/// Adds the text of each file by its module path, which is empty for `lib.rs` and `main.rs`.
fn read(folder: &Path, module: &str, files: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let child = format!("{module}::{name}").trim_start_matches("::").to_owned();
        match (path.is_dir(), &*name) {
            (true, _) => read(&path, &child, files)?,
            (false, "lib" | "main" | "mod") => _ = files.insert(module.to_owned(), fs::read_to_string(&path)?),
            (false, _) => _ = files.insert(child, fs::read_to_string(&path)?),
        }
    }
    Ok(())
}

fn find_faults(files: &BTreeMap<String, String>) -> BTreeSet<(String, String)> {
    let mut imports = BTreeSet::new();
    for (file, text) in files {
        for rest in format!("\n{text}").split("\nuse ").skip(1) {
            let (tree, _) = rest.split_once(';').unwrap_or((rest, ""));
            let (prefix, group) = tree.split_once('{').unwrap_or(("", tree));
            let names = group.split([',', '}']).flat_map(|name| name.split_whitespace().next());
            let imported = names.flat_map(|name| imported_file(file, &format!("{prefix}{name}"), files));
            imports.extend(imported.map(|imported| (file.clone(), imported)));
        }
    }
    // A file that imports nothing, or that nothing imports, is in no circle. Without it, the same is true of others.
    let mut count = usize::MAX;
    while std::mem::replace(&mut count, imports.len()) != imports.len() {
        let not_root = imports.iter().filter(|(_, imported)| !imported.is_empty());
        let (from, to): (BTreeSet<_>, BTreeSet<_>) = not_root.cloned().unzip();
        imports.retain(|(file, imported)| imported.is_empty() || (from.contains(imported) && to.contains(file)));
    }
    imports
}

/// Returns the other file of the crate that `file` imports by `path`.
fn imported_file(file: &str, path: &str, files: &BTreeMap<String, String>) -> Option<String> {
    let mut module: Vec<&str> = file.split("::").collect();
    for name in path.split("::") {
        match name {
            "crate" => module.clear(),
            "super" => _ = module.pop(),
            "self" => {}
            // Of another crate, too: the longest module path is then that of `file`.
            name => module.push(name),
        }
    }
    while !files.contains_key(&module.join("::")) {
        module.pop()?;
    }
    Some(module.join("::")).filter(|imported| imported != file)
}

#[test]
fn circles_and_imports_through_the_root_are_found() {
    let files = [
        ("", "mod a;\npub use a::B;\n"),
        ("a", "mod b;\n\nuse std::fmt;\nuse b::{\n    B,\n};\npub use b::B;\n"),
        ("a::b", "use super::A;\nuse crate::{c as d};\n"),
        ("c", "use crate::B;\nmod tests {\n    use super::*;\n}\n"),
    ];
    let own = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
    let found = find_faults(&files.map(own).into());
    assert_eq!(found, [("a", "a::b"), ("a::b", "a"), ("c", "")].map(own).into());
}

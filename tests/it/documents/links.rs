//! Links between pages lead to a file, and to a heading of it.

use std::collections::{BTreeSet, HashMap};

use super::pages::{self, Page};
use super::root;

/// The repository's files on the web, which packages link to.
const WEB: &str = "https://github.com/driver-events/driver-events/blob/main/";

/// Returns the anchors of a page's headings, as GitHub names them.
fn anchors(page: &Page) -> BTreeSet<String> {
    let prose = page.prose();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let headings = prose.lines().filter_map(|line| {
        line.trim_start_matches('#')
            .strip_prefix(' ')
            .filter(|_| line.starts_with('#'))
    });
    headings
        .map(|heading| {
            let heading = heading.to_lowercase();
            let kept = heading.chars().filter_map(|c| match c {
                ' ' => Some('-'),
                '-' | '_' => Some(c),
                c if c.is_alphanumeric() => Some(c),
                _ => None,
            });
            let anchor: String = kept.collect();
            let count = seen.entry(anchor.clone()).or_default();
            *count += 1;
            if *count == 1 {
                anchor
            } else {
                format!("{anchor}-{}", *count - 1)
            }
        })
        .collect()
}

#[test]
fn links_between_pages_resolve_with_their_headings() {
    let pages = pages::all();
    let mut links = 0;
    for page in &pages {
        let prose = page.prose();
        let definitions = prose
            .lines()
            .filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
        let inline = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in inline.chain(definitions.map(|(_, target)| target)) {
            let (path, folder) = match target.strip_prefix(WEB) {
                Some(path) => (path, root()),
                None if target.contains("://") || target.starts_with("mailto:") => continue,
                None => (target, page.path.parent().unwrap().to_owned()),
            };
            let (path, anchor) = path.split_once('#').unwrap_or((path, ""));
            let file = if path.is_empty() {
                page.path.clone()
            } else {
                folder.join(path)
            };
            assert!(file.exists(), "{} links to {target}, which does not exist", page.name);
            links += 1;
            if anchor.is_empty() || file.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let file = file.canonicalize().unwrap();
            let other = pages.iter().find(|other| other.path == file).unwrap();
            let has_anchor = anchors(other).contains(anchor);
            assert!(
                has_anchor,
                "{} links to {target}, and {} lacks that heading",
                page.name, other.name
            );
        }
    }
    assert!(links > 100, "{links}");
}

#[test]
fn index_has_every_page_of_the_folder() {
    let pages = pages::all();
    let index = pages.iter().find(|page| page.name == "docs/README.md").unwrap();
    for page in &pages {
        let in_docs = page
            .name
            .strip_prefix("docs/")
            .filter(|name| !name.contains('/') && *name != "README.md");
        if let Some(name) = in_docs {
            assert!(
                index.text.contains(&format!("]({name})")),
                "docs/README.md lacks {name}"
            );
        }
    }
}

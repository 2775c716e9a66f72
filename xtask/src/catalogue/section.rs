//! Headings of the named types' sections, and links to them.

use crate::named_types::Named;

/// Returns the heading of a type's section.
pub(super) fn heading(named: Named) -> String {
    match named {
        Named::Struct(_) | Named::Tagged(_) => format!("`{}` object", named.name()),
        Named::OneOf(_) => format!("`{}` values", named.name()),
    }
}

/// Returns a link to a type's section.
pub(super) fn link(named: Named) -> String {
    let anchor = heading(named).replace('`', "").replace(' ', "-").to_lowercase();
    format!("[`{}`](#{anchor})", named.name())
}

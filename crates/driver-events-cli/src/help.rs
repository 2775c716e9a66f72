use clap::Arg;

/// Lays out `[env: NAME]` and `[default: VALUE]` at the end of a help text as clap lays out its own: inline in `-h`, in
/// lines of their own in `--help`. Clap's own `env` would read the variable although nothing needs it.
pub(crate) fn separate_hints(argument: Arg) -> Arg {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let start = [" [env: ", " [default: "]
        .iter()
        .filter_map(|hint| help.find(hint))
        .min();
    match start.and_then(|start| help.split_at_checked(start)) {
        Some((text, hints)) => {
            let hints = hints.trim_start().replace("] [", "]\n[");
            argument.long_help(format!("{text}\n\n{hints}"))
        }
        None => argument,
    }
}

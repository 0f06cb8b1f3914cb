//! Modules that are built on a sender use the sender and its store only through `Scoped`.

use super::source::{Source, is_word};

/// The modules that hold a `Scoped`.
const BUILT_ON_A_SENDER: [&str; 3] = ["manage", "mcp", "console"];

/// What they may do with a `sender`: hold it, pass it on in a constructor, and make a `Scoped`.
const ALLOWED_AFTER_SENDER: [&str; 7] = ["::", ":", ",", "}", ")", ".scoped(", ".clone()"];

/// Ways around `Scoped`: a method of the sender, its `Endpoints`, or a role of the store.
pub fn ways_around(files: &[Source]) -> Vec<String> {
    let mut roles = store_roles(files);
    roles.push("WorkHistory".into());
    let guarded = files.iter().filter(|file| BUILT_ON_A_SENDER.contains(&file.module()));
    guarded.flat_map(|file| complaints(file, &roles)).collect()
}

fn complaints(file: &Source, roles: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for at in file.words("sender") {
        let after = file.code[at + "sender".len()..].trim_start();
        if !ALLOWED_AFTER_SENDER.iter().any(|allowed| after.starts_with(allowed)) {
            all.push(format!("{}: a sender is used for something else than `.scoped(..)`", file.place(at)));
        }
    }
    for at in file.words("Sender") {
        if !names_only_the_type(&file.code[..at]) {
            all.push(format!("{}: a `Sender` that is not called `sender` escapes this rule", file.place(at)));
        }
    }
    let imported = |name: &str| format!("`{name}` reaches around `Scoped`");
    for at in file.words("Endpoints").filter(|at| comes_from(&file.code[..*at], "sender")) {
        all.push(format!("{}: {}", file.place(at), imported("Endpoints")));
    }
    for role in roles {
        for at in file.words(role).filter(|at| comes_from(&file.code[..*at], "store")) {
            all.push(format!("{}: {}", file.place(at), imported(role)));
        }
    }
    all
}

/// Whether `Sender` stands in an import or behind `sender:`.
fn names_only_the_type(before: &str) -> bool {
    let before = before.trim_end_matches(['&', ' ']);
    comes_from(before, "sender") || before.ends_with("sender:")
}

/// Whether a name is imported from this module: `crate::module::name`, or in the braces behind that.
fn comes_from(before: &str, module: &str) -> bool {
    let statement = before.rsplit(';').next().unwrap_or_default();
    let path = format!("crate::{module}::");
    let Some(at) = statement.rfind(&path) else { return false };
    let between = &statement[at + path.len()..];
    between.is_empty() || (between.starts_with('{') && !between.contains('}'))
}

/// The traits of the store, whatever they are called.
fn store_roles(files: &[Source]) -> Vec<String> {
    let of_store = files.iter().filter(|file| file.module() == "store");
    let name = |file: &Source, at: usize| {
        file.code[at + "pub trait ".len()..].chars().take_while(|c| is_word(*c)).collect::<String>()
    };
    let traits = |file: &Source| file.words("pub trait ").map(|at| name(file, at)).collect::<Vec<_>>();
    of_store.flat_map(traits).collect()
}

//! Which module may import which.

use super::source::{Source, is_word};

/// The layers, lowest first. A module imports from lower layers; within a layer, from what stands to its left.
const LAYERS: [&[&str]; 9] = [
    &["clock", "decoder", "entropy", "field", "hex", "percent", "work"],
    &["id", "secret", "outcome", "fetch", "telemetry"],
    &["signature", "retry"],
    &["event", "provider"],
    &["delivery", "endpoint"],
    &["store"],
    &["worker"],
    &["sender", "receiver"],
    &["testing", "manage", "mcp", "console", "guide"],
];

/// From here up, the modules of one layer are strangers: sending works without receiving, and the other way round.
const STRANGERS: usize = 7;

/// The command-line tool: another crate, which has nothing but the public names.
const TOOL: &str = "bin";

/// Imports that do not point down.
pub fn upward(files: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| !file.module().is_empty() && file.module() != TOOL) {
        for (at, target) in crate_paths(file) {
            if target != file.module() && !may(file.module(), &target) {
                complaints.push(format!("{}: `{}` imports `crate::{target}`", file.place(at), file.module()));
            }
        }
        for at in climbs(file) {
            complaints.push(format!("{}: `super` reaches lib.rs", file.place(at)));
        }
    }
    complaints
}

/// Modules without a layer.
pub fn unlisted(files: &[Source]) -> Vec<String> {
    let mut names: Vec<_> = files.iter().map(Source::module).filter(|name| !name.is_empty()).collect();
    names.dedup();
    names.retain(|name| place(name).is_none() && *name != TOOL);
    names.into_iter().map(|name| format!("`{name}` is in no layer")).collect()
}

/// What `lib.rs` holds beside `mod` and `use`.
pub fn root_items(files: &[Source]) -> Vec<String> {
    let words = ["fn", "struct", "enum", "union", "trait", "impl", "const", "static", "type", "macro_rules"];
    let root = files.iter().filter(|file| file.module().is_empty());
    root.flat_map(|file| words.iter().flat_map(|word| file.words(word)).map(|at| file.place(at))).collect()
}

/// Imports and re-exports of everything.
pub fn stars(files: &[Source]) -> Vec<String> {
    let star = |file: &Source| file.code.match_indices("::*").map(|(at, _)| file.place(at)).collect::<Vec<_>>();
    files.iter().flat_map(star).collect()
}

/// Layer and place within it.
fn place(module: &str) -> Option<(usize, usize)> {
    let find = |layer: &&[&str]| layer.iter().position(|name| *name == module);
    LAYERS.iter().enumerate().find_map(|(number, layer)| Some((number, find(layer)?)))
}

fn may(importer: &str, imported: &str) -> bool {
    let (Some((high, right)), Some((low, left))) = (place(importer), place(imported)) else { return false };
    low < high || (low == high && low < STRANGERS && left < right)
}

/// The first segment of every path from `crate::`, groups included. A macro is at the root by the language's rule, and
/// its own body may call it there.
fn crate_paths(file: &Source) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    for at in file.words("crate::") {
        let rest = &file.code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => paths.extend(group_heads(group).map(|head| (at, head))),
            None => {
                let head = head(rest);
                let own_macro = file.code[..at].ends_with('$') && rest[head.len()..].starts_with('!');
                paths.extend((!own_macro).then_some((at, head)));
            }
        }
    }
    paths
}

fn head(text: &str) -> String {
    text.trim_start().chars().take_while(|c| is_word(*c) || *c == '*').collect()
}

/// `clock::Timestamp, id::{EventId, Tenant}}` has the heads `clock` and `id`.
fn group_heads(group: &str) -> impl Iterator<Item = String> {
    let (mut depth, mut heads, mut start) = (0, Vec::new(), 0);
    for (at, c) in group.char_indices() {
        match c {
            ',' | '}' if depth == 0 => {
                heads.push(head(&group[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    heads.into_iter().filter(|head| !head.is_empty())
}

/// Paths of so many `super`s that they leave the module of `lib.rs` which the file is in.
fn climbs(file: &Source) -> Vec<usize> {
    let begins = file.words("super::").filter(|at| !file.code[..*at].ends_with("super::"));
    let height = |at: &usize| {
        let mut rest = &file.code[*at..];
        std::iter::from_fn(|| rest.strip_prefix("super::").inspect(|after| rest = after)).count()
    };
    begins.filter(|at| height(at) >= file.depth()).collect()
}

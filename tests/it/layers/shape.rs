//! How large files and functions may be, how they may be named, and what they must not contain.

use super::source::{Source, closing, is_word};

const MAX_FILE: usize = 450;
const MAX_FUNCTION: usize = 60;
const DRAWERS: [&str; 9] = ["utils", "util", "helpers", "helper", "common", "misc", "shared", "stuff", "prelude"];

/// Files and functions above their budget. Blank lines and tests do not count; comments count for a file.
pub fn oversized(files: &[Source]) -> Vec<String> {
    let files_over = files.iter().filter(|file| file.length() > MAX_FILE);
    let mut complaints: Vec<_> = files_over.map(|file| format!("src/{}: {} lines", file.path, file.length())).collect();
    for file in files {
        let over = functions(file).into_iter().filter(|function| function.1 > MAX_FUNCTION);
        complaints.extend(over.map(|(at, lines)| format!("{}: {lines} lines", file.place(at))));
    }
    complaints
}

pub fn median_file(files: &[Source]) -> usize {
    median(files.iter().map(Source::lines).collect())
}

pub fn median_function(files: &[Source]) -> usize {
    median(files.iter().flat_map(functions).map(|(_, lines)| lines).collect())
}

/// Files without a first line that says what they are, and files or folders named for nothing.
pub fn unnamed(files: &[Source]) -> Vec<String> {
    let silent = files.iter().filter(|file| !file.text.starts_with("//!"));
    let mut complaints: Vec<_> = silent.map(|file| format!("src/{}: begins without `//!`", file.path)).collect();
    let is_drawer = |file: &&Source| file.path.split(['/', '.']).any(|part| DRAWERS.contains(&part));
    complaints.extend(files.iter().filter(is_drawer).map(|file| format!("src/{}: a drawer", file.path)));
    complaints
}

/// `cfg(feature)` on anything but a module or an import.
pub fn feature_switches(files: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        for (at, inside, after) in file.attributes() {
            let switches = inside.starts_with("cfg") && inside.contains("feature");
            if switches && !is_mod_or_use(after) {
                complaints.push(file.place(at));
            }
        }
        complaints.extend(
            file.words("cfg!")
                .filter(|at| !file.code[*at..].starts_with("cfg!(debug_assertions)"))
                .map(|at| file.place(at)),
        );
    }
    complaints
}

/// Lints switched off without being expected.
pub fn allowed_lints(files: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        for (at, inside, _) in file.attributes() {
            let silences = ["allow(", "warn("].iter().any(|word| inside.contains(word));
            let unexplained = inside.starts_with("expect(") && !inside.contains("reason");
            complaints.extend((silences || unexplained).then(|| file.place(at)));
        }
    }
    complaints
}

/// Notes of work not done, in comments too.
pub fn unfinished(files: &[Source]) -> Vec<String> {
    // Written in halves, so that this file would pass its own rule.
    let notes =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X "), concat!("to", "do!"), "unimplemented!"];
    let mut complaints = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            let found = notes.iter().find(|note| line.contains(**note));
            complaints.extend(found.map(|note| format!("src/{}:{}: {note}", file.path, number + 1)));
        }
    }
    complaints
}

/// Methods with a body in the traits that stores implement. A blanket extension trait (`…Ext`) is for users.
pub fn default_bodies(files: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.module() == "store") {
        for at in file.words("pub trait").collect::<Vec<_>>() {
            let Some(open) = file.code[at..].find('{').map(|open| at + open + 1) else { continue };
            let name = file.code[at + "pub trait".len()..open].trim_start();
            let body = &file.code[open..open + closing(&file.code[open..], '{', '}')];
            // Most databases have no table that others write to.
            let may = |name: &str| name.ends_with("Ext") || name == "Staging";
            let may_have_one = name.split(|c| !is_word(c)).next().is_some_and(may);
            complaints.extend((!may_have_one && body.contains('{')).then(|| file.place(at)));
        }
    }
    complaints
}

fn is_mod_or_use(after: &str) -> bool {
    let mut rest = after.trim_start();
    while let Some(attribute) = rest.strip_prefix("#[") {
        rest = attribute[closing(attribute, '[', ']') + 1..].trim_start();
    }
    if let Some(visible) = rest.strip_prefix("pub") {
        rest = visible.trim_start();
        if let Some(scope) = rest.strip_prefix('(') {
            rest = scope[closing(scope, '(', ')') + 1..].trim_start();
        }
    }
    rest.starts_with("mod ") || rest.starts_with("use ")
}

/// Where each function begins, and how many lines of code it has, signature and braces included.
fn functions(file: &Source) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for at in file.words("fn").filter(|at| file.code[at + 2..].starts_with(' ')) {
        // The body of a function, or the semicolon of one that a trait only declares. `[u8; 32]` is neither.
        let mut nested = 0;
        let body = file.code[at..].find(|c| {
            nested += i32::from(matches!(c, '(' | '[')) - i32::from(matches!(c, ')' | ']'));
            nested == 0 && matches!(c, '{' | ';')
        });
        let Some(open) = body.map(|body| at + body).filter(|open| file.code[*open..].starts_with('{')) else {
            continue;
        };
        let end = open + 1 + closing(&file.code[open + 1..], '{', '}');
        found.push((at, file.code[at..=end].lines().filter(|line| !line.trim().is_empty()).count()));
    }
    found
}

fn median(mut sizes: Vec<usize>) -> usize {
    sizes.sort_unstable();
    sizes[sizes.len() / 2]
}

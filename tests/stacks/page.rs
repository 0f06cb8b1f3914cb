//! The guide shows the code that the other tests run.

use std::fmt::Write as _;
use std::path::Path;

const MAX_LINES: usize = 12;

/// The lines between `shown` and `end` of a file of this folder.
fn shown(file: &str) -> String {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let (_, rest) = text.split_once("// shown\n").unwrap_or_else(|| panic!("{file} shows nothing"));
    let (shown, _) = rest.split_once("// end\n").unwrap_or_else(|| panic!("{file}: what is shown has no end"));
    shown.to_owned()
}

/// The page, with each block after `<!-- file -->` as the file has it.
fn renewed(page: &str) -> (String, usize) {
    let mut parts = page.split("<!-- ");
    let (mut renewed, mut blocks) = (parts.next().unwrap().to_owned(), 0);
    for part in parts {
        let (file, rest) = part.split_once(" -->\n").unwrap();
        let after = rest.strip_prefix("```ignore\n").and_then(|block| block.split_once("```\n")).unwrap().1;
        write!(renewed, "<!-- {file} -->\n```ignore\n{}```\n{after}", shown(file)).unwrap();
        blocks += 1;
    }
    (renewed, blocks)
}

#[test]
fn the_guide_shows_what_is_tested() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src/guide/stacks.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (renewed, blocks) = renewed(&page);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &renewed).unwrap();
    }
    assert_eq!(blocks, 13, "one block for each stack and each sender");
    assert!(
        std::fs::read_to_string(&path).unwrap() == renewed,
        "out of date: UPDATE=1 cargo test -p hookwire-stacks the_guide"
    );
}

#[test]
fn each_stack_needs_at_most_twelve_lines() {
    for file in std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".rs") && !["lib.rs", "main.rs", "page.rs", "stack.rs"].contains(&&*name) {
            let lines = shown(&name).lines().count();
            assert!(lines <= MAX_LINES, "{name} shows {lines} lines");
        }
    }
}

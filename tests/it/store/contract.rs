//! The contract in words and the suite name the same cases.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn source(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(path)).unwrap()
}

/// The cases that the macros stamp: lines of the suite that are one word.
fn stamped() -> BTreeSet<String> {
    let is_case = |line: &&str| line.contains('_') && line.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    source("testing/conformance/mod.rs").lines().map(str::trim).filter(is_case).map(Into::into).collect()
}

/// The functions of the suite.
fn written() -> BTreeSet<String> {
    let mut cases = BTreeSet::new();
    for role in ["control", "dedup", "directory", "history", "leases", "order", "outbox", "roster", "repeats", "work"] {
        let text = source(&format!("testing/conformance/{role}.rs"));
        let names = text.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next());
        cases.extend(names.map(String::from));
    }
    cases
}

/// What stands in backticks on the MUST lists and looks like the name of a case.
fn promised() -> BTreeSet<String> {
    let mut cases = BTreeSet::new();
    for role in ["control", "dedup", "directory", "history", "outbox", "roster"] {
        let text = source(&format!("store/{role}.rs"));
        let words =
            text.lines().filter(|line| line.starts_with("///")).flat_map(|line| line.split('`').skip(1).step_by(2));
        let is_case = |word: &&str| word.matches('_').count() >= 2 && !word.contains("::");
        cases.extend(words.filter(is_case).map(String::from));
    }
    cases
}

#[test]
fn every_must_names_a_case_that_is_stamped() {
    let (promised, stamped) = (promised(), stamped());
    assert!(promised.len() > 40, "the lists are read: {}", promised.len());
    assert_eq!(promised.difference(&stamped).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn every_case_that_is_written_is_stamped() {
    assert_eq!(written(), stamped());
    assert!(stamped().len() >= 60, "{}", stamped().len());
}

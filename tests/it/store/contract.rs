//! The written contract and the suite name the same cases.

use std::collections::BTreeSet;
use std::fs;

fn source(path: &str) -> String {
    fs::read_to_string(hookwire_tests::root().join("src").join(path)).unwrap()
}

/// The cases of the list: lines of one word, each under the name of its file.
fn listed() -> BTreeSet<(String, String)> {
    let is_name = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let (mut file, mut cases) = (String::new(), BTreeSet::new());
    for line in source("testing/conformance/list.rs").lines().map(str::trim) {
        if let Some(name) = line.strip_suffix(':').filter(|name| is_name(name)) {
            name.clone_into(&mut file);
        } else if is_name(line.trim_end_matches(';')) && line.contains('_') {
            assert!(cases.insert((file.clone(), line.trim_end_matches(';').into())), "{line} is listed twice");
        }
    }
    cases
}

/// The functions of the suite that check a subject.
fn written() -> BTreeSet<(String, String)> {
    let folder = hookwire_tests::root().join("src/testing/conformance");
    let mut cases = BTreeSet::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let file = path.file_stem().unwrap().to_str().unwrap().to_owned();
        for text in fs::read_to_string(&path).unwrap().split("\n/// ").skip(1) {
            let Some((_, function)) = text.split_once("\npub(super) async fn ") else { continue };
            let name = function.split(['<', '(']).next().unwrap();
            let is_case = function.starts_with(&format!("{name}<S")) && function.contains("subject: &Subject<S>");
            let is_helper = ["at_once", "dropped_after", "claim_all"].contains(&name);
            if is_case && !is_helper {
                cases.insert((file.clone(), name.to_owned()));
            }
        }
    }
    cases
}

/// The names of cases that are in backticks on the lists of rules.
fn promised() -> BTreeSet<String> {
    let mut cases = BTreeSet::new();
    for role in [
        "audit",
        "bulk_job",
        "diagnostics",
        "control",
        "dedup",
        "directory",
        "history",
        "outbox",
        "placement",
        "registry",
        "retention",
        "rollup",
        "staging",
    ] {
        let text = source(&format!("store/{role}.rs"));
        let words =
            text.lines().filter(|line| line.starts_with("///")).flat_map(|line| line.split('`').skip(1).step_by(2));
        let is_case =
            |word: &&str| word.matches('_').count() >= 2 && !word.contains("::") && *word == word.to_lowercase();
        cases.extend(words.filter(is_case).map(String::from));
    }
    cases
}

#[test]
fn every_must_names_a_case_that_is_listed() {
    let listed: BTreeSet<_> = listed().into_iter().map(|(_, case)| case).collect();
    let promised = promised();
    assert!(promised.len() > 40, "the lists are read: {}", promised.len());
    assert_eq!(promised.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn every_case_that_is_written_is_listed() {
    let (written, listed) = (written(), listed());
    assert_eq!(written.difference(&listed).collect::<Vec<_>>(), Vec::<&(String, String)>::new());
    assert_eq!(listed.difference(&written).collect::<Vec<_>>(), Vec::<&(String, String)>::new());
    assert!(listed.len() >= 150, "{}", listed.len());
    let names: BTreeSet<_> = listed.iter().map(|(_, case)| case).collect();
    assert_eq!(names.len(), listed.len(), "no two cases have one name");
}

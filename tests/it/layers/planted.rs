//! The bugs that `fuzz/prove` plants: there is one for each target, and each still applies to the code that it changes.

use std::fs;

/// What is wrong with a patch for these files.
fn complaints(name: &str, patch: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut all = Vec::new();
    let mut code = None;
    let mut hunks: Vec<(String, Vec<&str>)> = Vec::new();
    for line in patch.lines() {
        if let Some(path) = line.strip_prefix("--- a/") {
            code = read(path);
            if code.is_none() {
                all.push(format!("{name}: {path} is gone"));
            }
        } else if line.starts_with("@@ ") {
            hunks.push((code.clone().unwrap_or_default(), Vec::new()));
        } else if let (Some((_, old)), Some(rest)) = (hunks.last_mut(), line.strip_prefix([' ', '-'])) {
            old.push(rest);
        }
    }
    if hunks.is_empty() {
        all.push(format!("{name}: changes nothing"));
    }
    let fits = |(code, old): &(String, Vec<&str>)| code.contains(&format!("{}\n", old.join("\n")));
    if !hunks.iter().all(fits) {
        all.push(format!("{name}: the code has changed: plant the bug anew, and see that fuzz/prove finds it"));
    }
    all
}

#[test]
fn each_bug_that_fuzzing_must_find_can_be_planted() {
    let root = hookwire_tests::root();
    // A published package has no such folder.
    let Ok(targets) = fs::read_dir(root.join("fuzz/targets")) else { return };
    let mut all = Vec::new();
    for target in targets {
        let name = target.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        let patch = fs::read_to_string(root.join(format!("fuzz/planted/{name}.patch"))).unwrap_or_default();
        all.extend(complaints(&name, &patch, |path| fs::read_to_string(root.join(path)).ok()));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn a_patch_that_no_longer_fits_is_told() {
    let patch = "--- a/x.rs\n+++ b/x.rs\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n";
    let of = |code: Option<&str>| complaints("x", patch, |_| code.map(str::to_owned)).len();
    assert_eq!(of(Some("zero\none\ntwo\n")), 0);
    assert_eq!(of(Some("one\nthree\n")), 1);
    assert_eq!(of(None), 2);
    assert_eq!(complaints("x", "", |_| None).len(), 1);
}

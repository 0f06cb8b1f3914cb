//! Rules of this repository that no lint checks, tested on `src/`: which module may import which, and how large files and functions may be.
//!
//! Each rule is a function from files to complaints. A second test runs each rule on a file that breaks it.

mod bare;
mod broken;
mod circles;
mod imports;
mod planted;
mod scoped;
mod shape;
mod sites;
mod source;

use self::source::{Source, crate_sources};

fn assert_clean(rule: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{rule}:\n  {}", complaints.join("\n  "));
}

fn check(rule: &str, complain: impl Fn(&[Source]) -> Vec<String>) {
    let files = crate_sources();
    assert!(files.len() > 30, "src/ was not found, or not read: {} files", files.len());
    assert_clean(rule, &complain(&files));
}

#[test]
fn a_module_imports_only_from_what_stands_below_it() {
    check("imports point down the list of layers in tests/it/layers/imports.rs", imports::upward);
}

#[test]
fn no_file_imports_one_that_imports_it() {
    check("a type that two files need is in a third one below both", circles::circles);
}

#[test]
fn every_module_of_the_crate_has_a_layer() {
    check("every `mod` of lib.rs stands in the list of layers", imports::unlisted);
}

#[test]
fn the_root_declares_and_defines_nothing() {
    check("lib.rs holds `mod` and `use` only", imports::root_items);
}

#[test]
fn nothing_is_imported_by_a_star() {
    check("names are imported one by one", imports::stars);
}

#[test]
fn files_and_functions_keep_their_budgets() {
    check("a file has at most 450 lines, a function at most 60", shape::oversized);
}

#[test]
fn most_files_and_functions_are_small() {
    let files = crate_sources();
    let (file, function) = (shape::median_file(&files), shape::median_function(&files));
    assert!(file < 150, "the median file has {file} lines of code");
    assert!(function < 8, "the median function has {function} lines");
}

#[test]
fn files_say_what_they_are_and_are_not_drawers() {
    check("a file begins with `//!` and its name says what is in it", shape::unnamed);
}

#[test]
fn features_switch_modules_and_imports_never_behaviour() {
    check("`cfg(feature)` stands on `mod` and `use` only", shape::feature_switches);
}

#[test]
fn lints_are_expected_with_a_reason_never_allowed() {
    check("`#[expect(lint, reason = \"..\")]` in place of `allow`", shape::allowed_lints);
}

#[test]
fn nothing_is_left_to_be_done() {
    check("no note of unfinished work", shape::unfinished);
}

#[test]
fn store_traits_have_no_default_bodies() {
    check("a store's methods are all its own", shape::default_bodies);
}

#[test]
fn the_clock_chance_and_sockets_are_each_asked_in_one_place() {
    check("time, chance and the network are arguments elsewhere", sites::strays);
}

#[test]
fn the_crate_without_features_asks_for_nothing() {
    check("no runtime, thread, clock or random bytes without a feature", bare::asking);
    assert_clean("no package that brings one", &bare::packages());
}

#[test]
fn management_reaches_a_sender_through_scoped_only() {
    check("manage, mcp and the console use a sender through `Scoped` only", scoped::ways_around);
}

#[test]
fn r_18_secrets_are_compared_in_one_place() {
    check("exactly one constant-time compare", sites::compares);
}

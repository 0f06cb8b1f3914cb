//! Each rule must fail for a file that breaks it: otherwise the rule checks nothing.

use super::source::Source;
use super::{bare, circles, imports, scoped, shape, sites};

fn complaints(rule: fn(&[Source]) -> Vec<String>, path: &str, text: &str) -> Vec<String> {
    rule(&[Source::new(path, text)])
}

#[track_caller]
fn assert_caught(rule: fn(&[Source]) -> Vec<String>, path: &str, text: &str) {
    assert_ne!(complaints(rule, path, text), Vec::<String>::new(), "not caught: {text}");
}

#[track_caller]
fn assert_passes(rule: fn(&[Source]) -> Vec<String>, path: &str, text: &str) {
    assert_eq!(complaints(rule, path, text), Vec::<String>::new(), "{text}");
}

#[test]
fn an_import_from_above_or_beside_is_caught() {
    assert_caught(imports::upward, "retry/policy.rs", "use crate::store::Outbox;");
    assert_caught(imports::upward, "store/mod.rs", "fn f() { crate::worker::run() }");
    assert_caught(imports::upward, "sender/mod.rs", "use crate::receiver::Source;");
    assert_caught(imports::upward, "mcp/mod.rs", "use crate::testing::ManualClock;");
    assert_caught(imports::upward, "clock.rs", "use crate::entropy::fill;");
    assert_caught(imports::upward, "event/mod.rs", "use crate::{clock::Timestamp, store::{PutResult, Page}};");
    assert_passes(imports::upward, "event/mod.rs", "use crate::{clock::Timestamp, id::{EventId, Tenant}};");
    assert_passes(imports::upward, "entropy.rs", "use crate::clock::Timestamp;");
}

#[test]
fn an_import_from_the_root_is_caught() {
    assert_caught(imports::upward, "event/mod.rs", "use crate::Sender;");
    assert_caught(imports::upward, "event/mod.rs", "use crate::*;");
    assert_caught(imports::upward, "event/mod.rs", "use super::clock;");
    assert_caught(imports::upward, "event/pattern.rs", "use super::super::clock;");
    assert_caught(imports::upward, "clock.rs", "use super::id;");
    assert_passes(imports::upward, "event/pattern.rs", "use super::EventType;");
    assert_passes(imports::upward, "testing/mod.rs", "macro_rules! m { () => { $crate::m! { @again } } }");
}

fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    circles::circles(&files.iter().map(|(path, text)| Source::new(path, text)).collect::<Vec<_>>())
}

#[test]
fn a_circle_between_files_is_caught() {
    let found = circles_of(&[
        ("lib.rs", "pub mod a;"),
        ("a/mod.rs", "mod x;\nmod y;"),
        ("a/x.rs", "use super::y::Y;"),
        ("a/y.rs", "fn f() { super::x::g() }"),
    ]);
    assert_eq!(found, ["a/x.rs <-> a/y.rs"]);
    let found = circles_of(&[("a/mod.rs", "mod x;\nuse self::x::X;\npub struct A;"), ("a/x.rs", "use super::A;")]);
    assert_eq!(found, ["a/mod.rs <-> a/x.rs"]);
    let found = circles_of(&[
        ("a.rs", "use crate::{b::B, clock};"),
        ("b.rs", "use crate::c::{self, C};"),
        ("c.rs", "use crate::a::A;"),
    ]);
    assert_eq!(found, ["a.rs <-> b.rs <-> c.rs"]);
}

#[test]
fn a_re_export_is_not_a_circle() {
    let through_the_folder = [
        ("a/mod.rs", "mod x;\nmod y;\npub use self::x::X;\npub use self::y::Y;"),
        ("a/x.rs", "use super::Y;"),
        ("a/y.rs", "pub struct Y;"),
    ];
    assert_eq!(circles_of(&through_the_folder), Vec::<String>::new());
}

#[test]
fn comments_literals_and_tests_may_name_anything() {
    assert_passes(imports::upward, "clock.rs", "//! [`x`](crate::sender::Sender)\n/* crate::store /* */ crate::id */");
    assert_passes(imports::upward, "clock.rs", r####"const A: &str = r#"crate::id" "#; const Q: char = '"';"####);
    assert_passes(imports::upward, "clock.rs", "#[cfg(test)]\nmod tests { use crate::store::Put; fn f() {} }");
    assert_caught(imports::upward, "clock.rs", "#[cfg(test)] mod tests { fn f() {} }\nuse crate::store::Put;");
    assert_caught(imports::upward, "clock.rs", r#"const A: &str = "\""; use crate::id::EventId; const B: &str = "";"#);
    assert_caught(imports::upward, "clock.rs", "fn f<'a>(x: &'a str) -> crate::id::EventId { g('\\'') }");
}

#[test]
fn a_module_without_a_layer_and_an_item_in_the_root_are_caught() {
    assert_caught(imports::unlisted, "plugins/mod.rs", "");
    assert_caught(imports::root_items, "lib.rs", "pub mod clock;\npub struct Everything;");
    assert_passes(imports::root_items, "lib.rs", "pub mod clock;\npub use self::clock::Timestamp;");
    assert_caught(imports::stars, "retry/mod.rs", "pub use self::policy::*;");
}

#[test]
fn a_large_file_and_a_long_function_are_caught() {
    assert_caught(shape::oversized, "id.rs", &"const A: u8 = 1;\n".repeat(451));
    assert_caught(shape::oversized, "id.rs", &"// why\n".repeat(451));
    let small = format!(
        "{}{}#[cfg(test)]\nmod tests {{\n{}}}\n",
        "const A: u8 = 1;\n".repeat(440),
        "\n".repeat(99),
        "f();\n".repeat(99)
    );
    assert_passes(shape::oversized, "id.rs", &small);
    let function = |lines| format!("fn f(x: [u8; 4]) {{\n{}}}\n", "x();\n".repeat(lines));
    assert_caught(shape::oversized, "id.rs", &function(59));
    assert_passes(shape::oversized, "id.rs", &function(58));
    let files = [Source::new("id.rs", &function(58))];
    assert_eq!((shape::median_file(&files), shape::median_function(&files)), (60, 60));
}

#[test]
fn a_drawer_and_a_file_without_a_first_line_are_caught() {
    assert_caught(shape::unnamed, "store/utils.rs", "//! What is left over.");
    assert_caught(shape::unnamed, "common/mod.rs", "//! What is left over.");
    assert_caught(shape::unnamed, "store/put.rs", "use std::fmt;");
}

#[test]
fn a_feature_that_changes_behaviour_is_caught() {
    assert_caught(shape::feature_switches, "id.rs", "struct A { #[cfg(feature = \"sqlite\")] b: u8 }");
    assert_caught(shape::feature_switches, "id.rs", "fn f() { if cfg!(feature = \"sqlite\") {} }");
    assert_caught(shape::feature_switches, "id.rs", "#[cfg(not(feature = \"ring\"))]\nfn f() {}");
    assert_caught(shape::feature_switches, "id.rs", "#[cfg_attr(feature = \"serde\", derive(Serialize))]\nstruct A;");
    assert_passes(shape::feature_switches, "id.rs", "#[cfg(feature = \"a\")]\n#[doc(hidden)]\npub(crate) mod b;");
    assert_passes(shape::feature_switches, "id.rs", "#[cfg(feature = \"a\")]\npub use self::b::C;");
}

#[test]
fn a_lint_switched_off_and_work_left_over_are_caught() {
    assert_caught(shape::allowed_lints, "id.rs", "#[allow(dead_code)]\nfn f() {}");
    assert_caught(shape::allowed_lints, "id.rs", "#![cfg_attr(x, allow(dead_code))]");
    assert_caught(shape::allowed_lints, "id.rs", "#[expect(dead_code)]\nfn f() {}");
    assert_passes(
        shape::allowed_lints,
        "id.rs",
        "#[expect(dead_code, reason = \"why\")]\nfn allow() { self.allow(1) }",
    );
    assert_caught(shape::unfinished, "id.rs", concat!("// TO", "DO: later"));
    assert_caught(shape::unfinished, "id.rs", concat!("fn f() { to", "do!() }"));
}

#[test]
fn a_default_body_in_a_store_trait_is_caught() {
    assert_caught(shape::default_bodies, "store/outbox.rs", "pub trait Outbox { fn a(&self); fn b(&self) {} }");
    assert_passes(shape::default_bodies, "store/outbox.rs", "pub trait Outbox { fn a(&self); }");
    assert_passes(shape::default_bodies, "store/outbox.rs", "pub trait OutboxExt { fn b(&self) {} }");
}

#[test]
fn a_second_place_for_the_clock_chance_or_a_socket_is_caught() {
    assert_caught(sites::strays, "worker/mod.rs", "let now = std::time::Instant::now();");
    assert_caught(sites::strays, "sender/http/mod.rs", "TcpStream::connect(address).await");
    assert_caught(sites::strays, "id.rs", "getrandom::fill(&mut bytes)");
    let twice = ["sender/egress/a.rs", "sender/egress/b.rs"].map(|path| Source::new(path, "TcpStream::connect(a)"));
    assert_eq!(sites::strays(&twice).len(), 1);
}

#[test]
fn a_question_of_the_crate_without_features_is_caught() {
    let with = |root: &str, code: &str| bare::asking(&[Source::new("lib.rs", root), Source::new("id/mod.rs", code)]);
    for code in ["tokio::spawn(f)", "std::thread::sleep(d)", "use crate::entropy;", "let now = Instant::now();"] {
        assert_eq!(with("pub mod id;", code).len(), 1, "{code}");
        assert_eq!(with("#[cfg(feature = \"system\")]\npub mod id;", code), Vec::<String>::new());
        assert_eq!(with("#[cfg(not(feature = \"a\"))]\n#[path = \"id/mod.rs\"]\nmod other;", code).len(), 1);
    }
}

#[test]
fn a_way_around_scoped_is_caught() {
    for code in [
        "fn f(shared: &Shared) { shared.sender.endpoints().get(id) }",
        "fn f(shared: &Shared) { shared\n        .sender\n        .history() }",
        "fn f(s: &Sender) { s.dispatch(event) }",
        "fn f(shared: &Shared) { let s = &shared.sender as &_; s.dispatch(event) }",
        "use crate::sender::Endpoints;",
        "use crate::sender::{EndpointChange, Endpoints};",
    ] {
        assert_caught(scoped::ways_around, "mcp/new.rs", code);
        assert_passes(scoped::ways_around, "sender/new.rs", code);
    }
    for code in [
        "use crate::sender::{EndpointChange, Scoped, Sender};\nstruct A { sender: Sender }",
        "fn new(sender: Sender) -> A { A { sender } }",
        "fn scoped(&self) -> Scoped { self.sender.scoped(scope) }",
        "use super::documents::Endpoints;",
    ] {
        assert_passes(scoped::ways_around, "manage/new.rs", code);
    }
    let role = Source::new("store/outbox.rs", "pub trait Outbox { fn append(&self); }");
    let user = |text| [Source::new("store/outbox.rs", &role.text), Source::new("manage/new.rs", text)];
    assert_eq!(scoped::ways_around(&user("use crate::store::{Append, Outbox};")).len(), 1);
    assert_eq!(scoped::ways_around(&user("use crate::store::{Append, Page};")), Vec::<String>::new());
}

#[test]
fn a_second_compare_and_a_missing_one_are_caught() {
    assert_caught(sites::compares, "signature/compare.rs", "a.ct_eq(b) & c.ct_eq(d)");
    assert_caught(sites::compares, "signature/compare.rs", "a == b");
    assert_passes(sites::compares, "signature/compare.rs", "use subtle::ConstantTimeEq; fn f() { a.ct_eq(b) }");
}

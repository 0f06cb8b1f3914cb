//! The table of providers in the guide is what the schemes say of themselves.

use std::fmt::Write as _;
use std::path::Path;

use hookwire::signature::providers::Provider;
use hookwire::signature::{Fact, Retries};

const BEGIN: &str = "<!-- the table: generated from the schemes; UPDATE=1 cargo test --all-features -- guide -->\n";
const END: &str = "<!-- end of the table -->";

fn retries(retries: Retries, signs_a_time: bool) -> String {
    let word = |fact| match fact {
        Fact::Yes => "yes",
        Fact::No => "no",
        Fact::Unknown => "unknown",
    };
    let mut text = format!("same id: {}", word(retries.keeps_id()));
    if signs_a_time {
        let _infallible = write!(text, "; signed anew: {}", word(retries.is_signed_anew()));
    }
    if let Some(span) = retries.lasts() {
        let minutes = span.as_secs().div_ceil(60);
        let span = if minutes >= 120 { format!("{} h", minutes.div_ceil(60)) } else { format!("{minutes} min") };
        let _infallible = write!(text, "; for {span}");
    }
    let checked = if retries.is_checked() { "" } else { ", **not checked**" };
    let _infallible = write!(text, " ([source]({}){checked})", retries.source());
    text
}

fn table() -> String {
    let mut providers: Vec<_> = Provider::all().collect();
    providers.sort_by_key(|provider| provider.name);
    let mut text = String::from(
        "| name | proof | covers | time | id | identity | retries | handshake | settings |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for provider in providers {
        let about = provider.scheme.about();
        let settings: Vec<_> = provider.scheme.settings().iter().map(|it| format!("`{}`", it.name)).collect();
        let settings = settings.join(" ");
        let name = format!("[{}]({})", provider.name, provider.docs);
        let retries = retries(provider.scheme.retries(), about.time.starts_with("signed"));
        let what = [&*about.proof, &about.covers, &about.time, &about.id, &about.identity];
        let columns = [&what[..], &[&retries, &about.handshake, &settings]].concat();
        let row: Vec<_> = columns.iter().map(|column| column.replace('|', "\\|")).collect();
        let _infallible = writeln!(text, "| {name} | {} |", row.join(" | "));
    }
    text
}

#[test]
fn the_table_of_providers_is_what_the_schemes_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/providers.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap() == wanted,
        "out of date: UPDATE=1 cargo test --all-features -- guide"
    );
}

#[test]
fn every_provider_says_what_it_does() {
    for provider in Provider::all() {
        let about = provider.scheme.about();
        assert!(!about.proof.is_empty() && !about.covers.is_empty() && !about.id.is_empty(), "{}", provider.name);
        assert!(provider.docs.starts_with("https://"), "{}", provider.name);
        assert_eq!(provider.scheme.check(), Ok(()), "{}", provider.name);
    }
    let names: std::collections::HashSet<_> = Provider::all().map(|provider| provider.name).collect();
    assert_eq!(names.len(), Provider::all().count(), "each name once");
    assert!(names.len() >= 125, "{}", names.len());
}

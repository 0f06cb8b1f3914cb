//! The table of providers in the guide agrees with the schemes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use hookwire::provider::Scheme;

const BEGIN: &str =
    "<!-- the table: generated from the schemes; UPDATE=1 cargo test -p hookwire-tests --test it guide -->\n";
const END: &str = "<!-- end of the table -->";

fn retries(provider: &Scheme, signs_a_time: bool) -> String {
    let word = |fact| match fact {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    };
    let mut text = format!("same id: {}", word(provider.retry_keeps_id()));
    if signs_a_time {
        let _infallible = write!(text, "; signed anew: {}", word(provider.retry_is_signed_anew()));
    }
    if let Some(span) = provider.retries_last() {
        let minutes = span.as_secs().div_ceil(60);
        let span = if minutes >= 120 { format!("{} h", minutes.div_ceil(60)) } else { format!("{minutes} min") };
        let _infallible = write!(text, "; for {span}");
    }
    let checked = if provider.are_retries_checked() { "" } else { ", **not checked**" };
    let _infallible = write!(text, " ([source]({}){checked})", provider.retry_docs());
    text
}

fn table() -> String {
    let mut providers: Vec<_> = Scheme::all().collect();
    providers.sort_by_key(|provider| provider.name());
    let mut text = String::from(
        "| name | proof | covers | time | id | identity | retries | handshake | settings |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for provider in providers {
        let [proof, covers, time, id, identity, handshake] = provider.facts().map(|(_, fact)| fact);
        let settings: Vec<_> = provider.known_settings().iter().map(|it| format!("`{}`", it.name)).collect();
        let settings = settings.join(" ");
        let name = format!("[{}]({})", provider.name(), provider.docs());
        let retries = retries(provider, time.starts_with("signed"));
        let what = [&*proof, &covers, &time, &id, &identity];
        let columns = [&what[..], &[&retries, &handshake, &settings]].concat();
        let row: Vec<_> = columns.iter().map(|column| column.replace('|', "\\|")).collect();
        let _infallible = writeln!(text, "| {name} | {} |", row.join(" | "));
    }
    text
}

#[test]
fn the_table_of_providers_is_what_the_schemes_say() {
    let path = hookwire_tests::root().join("src/guide/providers.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap() == wanted,
        "out of date: UPDATE=1 cargo test -p hookwire-tests --test it guide"
    );
}

#[test]
fn every_provider_says_what_it_does() {
    for provider in Scheme::all() {
        let [proof, covers, _, id, ..] = provider.facts().map(|(_, fact)| fact);
        assert!(!proof.is_empty() && !covers.is_empty() && !id.is_empty(), "{}", provider.name());
        assert!(provider.docs().starts_with("https://"), "{}", provider.name());
        assert_eq!(provider.check(), Ok(()), "{}", provider.name());
    }
    let names: std::collections::HashSet<_> = Scheme::all().map(Scheme::name).collect();
    assert_eq!(names.len(), Scheme::all().count(), "each name once");
    assert!(names.len() >= 125, "{}", names.len());
}

/// The lines of a page, each with whether it is part of a code block. Fences belong to their blocks.
fn lines(page: &str) -> Vec<(bool, &str)> {
    let mut in_code = false;
    let mut mark = |line| {
        let is_fence = str::starts_with(line, "```");
        in_code ^= is_fence;
        (in_code || is_fence, line)
    };
    page.lines().map(&mut mark).collect()
}

/// The names under which rustdoc and GitHub find a page's headings.
fn anchors(page: &str) -> Vec<String> {
    let letter = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
        _ => None,
    };
    let headings = lines(page).into_iter().filter(|(in_code, line)| !in_code && line.starts_with('#'));
    headings.map(|(_, line)| line.trim_start_matches('#').trim().chars().filter_map(letter).collect()).collect()
}

/// Where the links of a page lead.
fn links(page: &str) -> Vec<&str> {
    let text = lines(page).into_iter().filter(|(in_code, _)| !in_code);
    text.flat_map(|(_, line)| line.split("](").skip(1).filter_map(|rest| rest.split(')').next())).collect()
}

fn page(name: &str) -> String {
    let path = hookwire_tests::root().join("src/guide").join(name).with_extension("md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_answer_of_how_to_is_listed_and_has_at_most_ten_lines_of_code() {
    let page = page("how_to");
    let listed: Vec<_> = links(&page).into_iter().filter_map(|link| link.strip_prefix('#')).collect();
    let answers: Vec<_> = anchors(&page).into_iter().filter(|anchor| anchor.starts_with("how-do-i-")).collect();
    assert!(answers.len() >= 30, "{}", answers.len());
    for answer in &answers {
        assert!(listed.contains(&&**answer), "{answer} is not in the contents");
    }
    let (mut heading, mut visible) = ("", 0);
    for (in_code, line) in lines(&page) {
        match line {
            _ if line.starts_with("```") => visible = 0,
            _ if in_code => visible += u32::from(!line.is_empty() && line != "#" && !line.starts_with("# ")),
            _ if line.starts_with("## ") => heading = line,
            _ => {}
        }
        assert!(visible <= 10, "{heading}: {line}");
    }
}

#[test]
fn every_link_between_pages_finds_its_heading_or_file() {
    let root = hookwire_tests::root();
    let names = std::fs::read_dir(root.join("src/guide")).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names.filter_map(|name| Some(name.to_str()?.strip_suffix(".md")?.to_owned())).collect();
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        let text = page(&name);
        for link in links(&text) {
            let (place, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match place.strip_prefix("crate::guide::") {
                Some(other) => page(other),
                None if place.is_empty() => text.clone(),
                None => continue,
            };
            assert!(anchor.is_empty() || anchors(&target).iter().any(|it| it == anchor), "{name}: {link}");
        }
    }
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    for link in links(&readme).into_iter().filter(|link| !link.starts_with("https://")) {
        assert!(root.join(link).exists(), "README: {link}");
    }
}

#[test]
fn the_guide_lists_every_metric() {
    let folder = hookwire_tests::root().join("src/telemetry");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let source: String = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let recorded: BTreeSet<_> =
        source.split('"').filter(|text| text.starts_with("hookwire_")).map(ToOwned::to_owned).collect();
    let page = page("operating");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `hookwire_"));
    let listed: BTreeSet<_> = rows.filter_map(|row| Some(format!("hookwire_{}", row.split_once('`')?.0))).collect();
    assert_eq!(listed, recorded);
    let how_to = self::page("how_to");
    let name =
        |text: &str| text.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap_or_default().to_owned();
    let used: BTreeSet<_> = how_to.split("hookwire_").skip(1).map(|rest| format!("hookwire_{}", name(rest))).collect();
    let tables = ["hookwire_outbox", "hookwire_schema"].map(ToOwned::to_owned).into();
    assert_eq!(used.difference(&recorded).cloned().collect::<BTreeSet<_>>(), tables, "what is no metric");
}

//! The dashboard and the alerting rules in `examples/grafana/` use only metrics and labels that the guide's table has.

use std::collections::{BTreeMap, BTreeSet};

use saphyr::{LoadableYamlNode as _, Yaml};

/// Labels that Prometheus adds, and those of histograms and summaries.
const ADDED: [&str; 3] = ["instance", "le", "quantile"];

fn read(path: &str) -> String {
    let path = hookwire_tests::root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The metrics of the guide's table, each with its kind and its labels. Another test compares the names with the source.
fn metrics() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let quoted = |cell: &str| cell.split('`').nth(1).map(ToOwned::to_owned);
    let page = read("src/guide/operating.md");
    let rows = page.lines().filter(|line| line.starts_with("| `hookwire_"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        (quoted(cells[1]).unwrap(), (cells[2].to_owned(), quoted(cells[4]).into_iter().collect()))
    })
    .collect()
}

/// The words of an expression: runs of letters, digits and `_`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// What is between each `open` and the next `close`.
fn between<'a>(text: &'a str, open: &'a str, close: char) -> impl Iterator<Item = &'a str> {
    text.split(open).skip(1).filter_map(move |rest| Some(rest.split_once(close)?.0))
}

/// What is wrong with an expression of `PromQL`.
fn complaints(expression: &str, metrics: &BTreeMap<String, (String, BTreeSet<String>)>) -> Vec<String> {
    let (mut complaints, mut allowed) = (Vec::new(), BTreeSet::from(ADDED.map(ToOwned::to_owned)));
    let mut used = 0;
    for name in words(expression).filter(|word| word.starts_with("hookwire_")) {
        let part = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        match (metrics.get(name), part.and_then(|base| metrics.get(base))) {
            (Some((_, labels)), _) => allowed.extend(labels.iter().cloned()),
            (None, Some((kind, labels))) if kind == "histogram" => allowed.extend(labels.iter().cloned()),
            _ => complaints.push(format!("{name}: no such metric")),
        }
        used += 1;
    }
    if used == 0 {
        complaints.push("no metric".into());
    }
    let matched = between(expression, "{", '}').flat_map(|inside| inside.split(','));
    let matched = matched.filter_map(|matcher| matcher.split(['=', '!']).next());
    let grouped = ["by (", "on ("].into_iter().flat_map(|open| between(expression, open, ')')).flat_map(words);
    let labels = matched.map(str::trim).chain(grouped);
    complaints.extend(labels.filter(|label| !allowed.contains(*label)).map(|label| format!("{label}: no such label")));
    complaints
}

fn check(expression: &str) {
    assert_eq!(complaints(expression, &metrics()), Vec::<String>::new(), "{expression}");
}

#[test]
fn the_dashboard_shows_only_metrics_that_exist_and_all_of_them() {
    let dashboard: serde_json::Value = serde_json::from_str(&read("examples/grafana/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let expressions: Vec<_> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    expressions.iter().for_each(|expression| check(expression));
    let shown = expressions.join(" ");
    let missing: Vec<_> = metrics().into_keys().filter(|name| !shown.contains(name.as_str())).collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn the_alerts_use_only_metrics_that_exist() {
    let text = read("examples/grafana/alerts.yml");
    let documents = Yaml::load_from_str(&text).unwrap();
    let rules: Vec<_> = documents[0]["groups"][0]["rules"].as_sequence().unwrap().iter().collect();
    assert!(rules.len() >= 8, "{}", rules.len());
    for rule in rules {
        check(rule["expr"].as_str().unwrap());
        for field in ["summary", "description"] {
            assert!(rule["annotations"][field].as_str().is_some_and(|text| text.ends_with('.')), "{rule:?}");
        }
        assert!(["info", "warning", "critical"].contains(&rule["labels"]["severity"].as_str().unwrap()));
    }
}

#[test]
fn an_unknown_metric_or_label_is_found() {
    let metrics = metrics();
    for (expression, complaint) in [
        ("rate(hookwire_attempts[5m])", "hookwire_attempts: no such metric"),
        ("hookwire_attempts_total_sum", "hookwire_attempts_total_sum: no such metric"),
        ("sum by (reason) (hookwire_attempts_total)", "reason: no such label"),
        ("hookwire_oldest_due_seconds{endpoint=\"x\"}", "endpoint: no such label"),
        ("up == 0", "no metric"),
    ] {
        assert_eq!(complaints(expression, &metrics), [complaint], "{expression}");
    }
    check("histogram_quantile(0.99, sum by (le, outcome) (rate(hookwire_job_duration_seconds_bucket[5m])))");
}

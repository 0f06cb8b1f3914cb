//! The cases of `ssrf-cases.json` that need no connection.

use std::net::IpAddr;

use hookwire::endpoint::{CustomHeaders, Target};
use hookwire::sender::egress::EgressPolicy;
use serde_json::Value;

use crate::support::vectors;

/// The policy of a case. Plain `http` is allowed unless the case is about it, so that a case is not refused for its scheme.
fn policy(case: &Value) -> EgressPolicy {
    let mut policy = EgressPolicy::default();
    if case["policy"]["https_only"] != true {
        policy = policy.dangerous_allow_http();
    }
    if case["policy"]["nat64"] == "deny" {
        policy = policy.deny_nat64();
    }
    policy.deny_addresses(addresses(&case["own_addresses"]))
}

pub fn addresses(list: &Value) -> Vec<IpAddr> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().parse().unwrap()).collect()
}

/// Whether registration and one lookup allow the target. A name without an address is not allowed.
fn is_allowed(case: &Value, answer: &[IpAddr]) -> bool {
    let policy = policy(case);
    let Ok(target) = Target::parse(case["url"].as_str().unwrap()) else { return false };
    let by_name = target.address().is_none();
    let resolved = !by_name || (!answer.is_empty() && answer.iter().all(|ip| policy.check_address(*ip).is_ok()));
    policy.check_target(&target).is_ok() && resolved
}

#[test]
fn every_case_without_a_connection_has_the_listed_result() {
    let vectors = vectors("ssrf-cases.json");
    let cases: Vec<_> = vectors.as_array().unwrap().iter().filter(|case| needs_no_connection(case)).collect();
    assert!(cases.len() >= 205, "only {} cases", cases.len());
    let wrong: Vec<_> = cases
        .into_iter()
        .filter(|case| is_allowed(case, &addresses(&case["resolves_to"])) != (case["expect"] == "allow"))
        .map(|case| format!("{} {} expect {}: {}", case["id"], case["url"], case["expect"], case["why"]))
        .collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The guard reads a URL by a parser of its own. What a WHATWG parser reads is what other software connects to.
#[test]
fn every_accepted_target_is_the_same_target_to_a_whatwg_parser() {
    let vectors = vectors("ssrf-cases.json");
    let mut accepted = 0;
    for case in vectors.as_array().unwrap() {
        let Ok(target) = Target::parse(case["url"].as_str().unwrap()) else { continue };
        let url = url::Url::parse(case["url"].as_str().unwrap()).unwrap();
        assert_eq!((target.as_str(), target.scheme()), (url.as_str(), url.scheme()), "{}", case["id"]);
        assert_eq!(Some(target.port()), url.port_or_known_default(), "{}", case["id"]);
        assert_eq!(Target::parse(url.as_str()).unwrap().host(), target.host(), "{}", case["id"]);
        accepted += 1;
    }
    assert!(accepted >= 150, "only {accepted} accepted");
}

fn needs_no_connection(case: &Value) -> bool {
    !matches!(case["stage"].as_str().unwrap(), "redirect" | "transport" | "connect" | "headers")
}

#[test]
fn a_refusal_names_the_setting_that_decides_about_the_target() {
    let policy = EgressPolicy::default().deny_network("93.184.216.0/24").unwrap();
    for (url, setting) in [
        ("http://hooks.example.com/", "EgressPolicy::dangerous_allow_http"),
        ("https://hooks.example.com:25/", "EgressPolicy::only_ports"),
        ("https://localhost/", "EgressPolicy::dangerous_allow_loopback"),
        ("https://127.0.0.1/", "EgressPolicy::dangerous_allow_loopback"),
        ("https://db.internal/", "EgressPolicy::dangerous_allow_private_networks"),
        ("https://10.0.0.5/", "EgressPolicy::dangerous_allow_network"),
        ("https://[fe80::1]/", "EgressPolicy::dangerous_allow_network"),
        ("https://192.0.2.1/", "EgressPolicy::dangerous_allow_network"),
        ("https://93.184.216.34/", "EgressPolicy::deny_network"),
        ("https://169.254.169.254/", "no setting allows"),
    ] {
        let refusal = policy.check_target(&Target::parse(url).unwrap()).unwrap_err();
        assert_eq!(refusal.to_string(), "url: target is not allowed", "the owner of {url} learns no cause");
        let reason = std::error::Error::source(&refusal).unwrap().to_string();
        assert!(reason.contains(setting), "{url}: {reason}");
    }
}

#[test]
fn transport_008_to_019_reserved_headers_are_refused() {
    let vectors = vectors("ssrf-cases.json");
    let cases = vectors.as_array().unwrap().iter().filter(|case| case["stage"] == "headers");
    let mut seen = 0;
    for (name, value) in cases.flat_map(|case| case["headers"].as_object().unwrap()) {
        assert!(CustomHeaders::new().with(name, value.as_str().unwrap()).is_err(), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 7);
}

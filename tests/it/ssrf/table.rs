//! Every case that needs no connection.

use std::net::IpAddr;

use hookwire::endpoint::{Host, Target};
use hookwire::sender::egress::{EgressPolicy, Nat64};
use hookwire::sender::http::check_custom_header;
use serde_json::Value;

use crate::support::vectors;

/// Plain `http` is allowed in every case but the one that is about it: a case must be refused for what it is about, not
/// for the scheme it happens to use.
fn policy(case: &Value) -> EgressPolicy {
    let mut policy = EgressPolicy::default();
    if case["policy"]["https_only"] != true {
        policy = policy.dangerous_allow_http();
    }
    if case["policy"]["nat64"] == "deny" {
        policy = policy.nat64(Nat64::Refuse);
    }
    policy.deny_addresses(addresses(&case["own_addresses"]))
}

pub fn addresses(list: &Value) -> Vec<IpAddr> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().parse().unwrap()).collect()
}

/// What registration and one resolution would say. A name without an address is never connected to.
fn is_allowed(case: &Value, answer: &[IpAddr]) -> bool {
    let policy = policy(case);
    let Ok(target) = Target::parse(case["url"].as_str().unwrap()) else { return false };
    let by_name = matches!(target.host(), Host::Name(_));
    let resolved = !by_name || (!answer.is_empty() && answer.iter().all(|ip| policy.check_address(*ip).is_ok()));
    policy.check_target(&target).is_ok() && resolved
}

#[test]
fn every_case_that_needs_no_connection_is_judged_as_listed() {
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

fn needs_no_connection(case: &Value) -> bool {
    !matches!(case["stage"].as_str().unwrap(), "redirect" | "transport" | "connect" | "headers")
}

#[test]
fn transport_008_to_019_headers_that_are_not_the_customers_are_refused() {
    let vectors = vectors("ssrf-cases.json");
    let cases = vectors.as_array().unwrap().iter().filter(|case| case["stage"] == "headers");
    let mut seen = 0;
    for (name, value) in cases.flat_map(|case| case["headers"].as_object().unwrap()) {
        assert!(check_custom_header(name, value.as_str().unwrap()).is_err(), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 7);
}

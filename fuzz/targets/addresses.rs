//! Targets and addresses: the guard, the client and a WHATWG parser read the same host, and no notation hides a private address.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hookwire::endpoint::Target;
use hookwire::sender::egress::EgressPolicy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let policy = EgressPolicy::default();
    if let Some(bytes) = data.first_chunk::<4>() {
        check_v4(&policy, Ipv4Addr::from(*bytes));
    }
    if let Some(bytes) = data.first_chunk::<16>() {
        check_v6(&policy, Ipv6Addr::from(*bytes));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(target) = Target::parse(text) else { return };
    assert_eq!(Target::parse(target.as_str()).as_ref().map(Target::as_str), Ok(target.as_str()));
    let uri = target.uri();
    let host = uri.host().expect("a host").trim_start_matches('[').trim_end_matches(']');
    match target.address() {
        None => {
            assert_eq!(host, target.host(), "hyper would connect to another host");
            assert!(host.parse::<IpAddr>().is_err(), "an address was read as a name");
        }
        Some(address) => {
            assert_eq!(host.parse(), Ok(address), "hyper would connect to another address");
            if policy.check_target(&target).is_ok() {
                assert!(
                    policy.check_address(address).is_ok(),
                    "a literal is allowed, but the same address in a DNS answer is not"
                );
            }
        }
    }
    check_whatwg(text, &target);
    assert_eq!(uri.port_u16().unwrap_or(if target.is_https() { 443 } else { 80 }), target.port());
});

/// A WHATWG parser refuses some `xn--` labels, for which it needs the tables of Unicode, and otherwise reads the same URL.
fn check_whatwg(text: &str, target: &Target) {
    let Ok(url) = url::Url::parse(text) else {
        assert!(target.host().contains("xn--"), "a WHATWG parser refuses the URL");
        return;
    };
    assert_eq!((target.scheme(), Some(target.port())), (url.scheme(), url.port_or_known_default()));
    match (target.address(), url.host().expect("a host")) {
        (None, url::Host::Domain(name)) => assert_eq!(name, target.host()),
        (Some(IpAddr::V4(ours)), url::Host::Ipv4(theirs)) => assert_eq!(ours, theirs),
        (Some(IpAddr::V6(ours)), url::Host::Ipv6(theirs)) => assert_eq!(ours, theirs),
        (_, theirs) => panic!("a WHATWG parser reads {theirs}"),
    }
}

/// Compares with the standard library, not with the guard's own table.
fn check_v4(policy: &EgressPolicy, address: Ipv4Addr) {
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_unspecified();
    let passes = policy.check_address(address.into()).is_ok();
    assert!(!(special && passes), "{address} passes");
    if !passes {
        let [a, b, c, d] = address.octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        for disguised in [
            address.to_ipv6_mapped(),
            address.to_ipv6_compatible(),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        ] {
            assert!(policy.check_address(disguised.into()).is_err(), "{address} passes as {disguised}");
        }
    }
}

fn check_v6(policy: &EgressPolicy, address: Ipv6Addr) {
    let special = address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || address.to_ipv4_mapped().is_some_and(|inner| policy.check_address(inner.into()).is_err());
    assert!(!(special && policy.check_address(address.into()).is_ok()), "{address} passes");
}

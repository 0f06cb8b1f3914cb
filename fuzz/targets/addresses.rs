//! Targets and addresses: one reading only, and nothing private behind any notation.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hookwire::endpoint::{Host, Target};
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
    match target.host() {
        Host::Name(name) => {
            assert_eq!(host, &**name, "hyper would connect to another host");
            assert!(host.parse::<IpAddr>().is_err(), "an address that was taken for a name");
        }
        Host::Address(address) => {
            assert_eq!(host.parse(), Ok(*address), "hyper would connect to another address");
            if policy.check_target(&target).is_ok() {
                assert!(policy.check_address(*address).is_ok(), "a literal passes where an answer would not");
            }
        }
        _ => unreachable!("names and addresses only"),
    }
    assert_eq!(uri.port_u16().unwrap_or(if target.is_https() { 443 } else { 80 }), target.port());
});

/// By what the standard library knows, not by our own table.
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

//! Properties of the guard, as property tests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hookwire::endpoint::Target;
use hookwire::sender::egress::EgressPolicy;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

fn nat64(v4: Ipv4Addr) -> IpAddr {
    Ipv6Addr::from_bits(0x0064_ff9b_u128 << 96 | u128::from(v4.to_bits())).into()
}

proptest! {
    #[test]
    fn p1_a_nat64_address_is_checked_like_the_ipv4_address_in_it(bits in any::<u32>()) {
        let (policy, v4) = (EgressPolicy::default(), Ipv4Addr::from_bits(bits));
        prop_assert_eq!(policy.check_address(v4.into()), policy.check_address(nat64(v4)));
    }

    #[test]
    fn p2_no_address_outside_global_unicast_is_allowed(bits in any::<u128>()) {
        let v6 = Ipv6Addr::from_bits(bits);
        if v6.segments()[0] >> 13 != 1 && bits >> 32 != 0x0064_ff9b_u128 << 64 {
            prop_assert!(EgressPolicy::default().check_address(v6.into()).is_err());
        }
    }

    #[test]
    fn p4_a_target_and_its_canonical_text_get_the_same_result(tail in "[ -~]{0,40}") {
        let policy = EgressPolicy::default();
        if let Ok(target) = Target::parse(&format!("https://{tail}")) {
            let again = Target::parse(target.as_str()).unwrap();
            prop_assert_eq!(policy.check_target(&target), policy.check_target(&again));
        }
    }

    #[test]
    fn p5_and_p6_a_forbidden_address_in_any_position_refuses_the_answer_after_one_lookup(at in 0usize..8, count in 1usize..8) {
        let mut answer: Vec<IpAddr> = (1..=count).map(|n| [93, 184, 216, u8::try_from(n).unwrap()].into()).collect();
        answer.insert(at.min(count), [10, 0, 0, 1].into());
        let (lookups, dials) = super::client::refused(answer);
        prop_assert_eq!((lookups, dials), (1, 0));
    }
}

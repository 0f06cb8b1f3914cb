//! A range of IP addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::field::FieldError;

/// The most characters of a wrong text that an error shows.
const MAX_SHOWN: usize = 64;

/// A range of IPv4 or IPv6 addresses in CIDR notation (RFC 4632).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    base: IpAddr,
    prefix: u8,
}

impl Network {
    /// An IPv4 range from its base address and prefix length. A prefix length above 32 counts as 32.
    pub(super) const fn v4(a: [u8; 4], prefix: u8) -> Self {
        let prefix = if prefix > 32 { 32 } else { prefix };
        Self { base: IpAddr::V4(Ipv4Addr::new(a[0], a[1], a[2], a[3])), prefix }
    }

    /// An IPv6 range from the first four groups of its base address and its prefix length. A prefix length above 128 counts as
    /// 128.
    pub(super) const fn v6(g: [u16; 4], prefix: u8) -> Self {
        let prefix = if prefix > 128 { 128 } else { prefix };
        Self { base: IpAddr::V6(Ipv6Addr::new(g[0], g[1], g[2], g[3], 0, 0, 0, 0)), prefix }
    }

    /// A single address.
    pub(super) const fn host(address: IpAddr) -> Self {
        Self { base: address, prefix: width(address) }
    }

    /// Whether the range contains an address. An IPv4 range contains no IPv6 address, not even an IPv4-mapped one. An IPv6 range
    /// contains no IPv4 address.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        width(self.base) == width(address) && {
            let shift = u32::from(width(self.base) - self.prefix);
            let differing = bits(self.base) ^ bits(address);
            differing.checked_shr(shift).unwrap_or(0) == 0
        }
    }
}

impl FromStr for Network {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let range = || {
            let (base, prefix) = text.split_once('/')?;
            let (base, prefix): (IpAddr, u8) = (base.parse().ok()?, prefix.parse().ok()?);
            (prefix <= width(base)).then_some(Self { base, prefix })
        };
        range().ok_or_else(|| {
            let shown: String = text.chars().take(MAX_SHOWN).collect();
            let rule = "must be an address and a prefix length, such as 10.0.0.0/8 or fd00::/8";
            FieldError::new("network", format!("{rule}; is {shown:?}"))
        })
    }
}

const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_contains_its_first_and_last_address_and_no_neighbour() {
        let range: Network = "172.16.0.0/12".parse().unwrap();
        for (inside, address) in
            [(true, "172.16.0.0"), (true, "172.31.255.255"), (false, "172.15.255.255"), (false, "172.32.0.0")]
        {
            assert_eq!(range.contains(address.parse().unwrap()), inside, "{address}");
        }
    }

    #[test]
    fn a_zero_prefix_contains_all_of_its_family_and_nothing_of_the_other() {
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains([255; 4].into()) && !all.contains([0u16; 8].into()));
        let all: Network = "::/0".parse().unwrap();
        assert!(all.contains([0xffffu16; 8].into()) && !all.contains([1; 4].into()));
    }

    #[test]
    fn a_text_without_a_valid_prefix_length_is_refused() {
        for text in ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "10.0.0/8", "/8", ""] {
            let error = text.parse::<Network>().unwrap_err().to_string();
            assert!(error.ends_with(&format!("; is {text:?}")), "{error}");
        }
        assert!("x".repeat(9_999).parse::<Network>().unwrap_err().to_string().len() < 200);
    }
}

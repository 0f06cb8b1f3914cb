//! The tables of special addresses, local names and bad ports.
//!
//! Sources: the IANA IPv4 and IPv6 special-purpose address registries, the IANA IPv6 global unicast registry, the
//! metadata services that the large clouds document, RFC 6761 (special-use names) and the bad ports of the WHATWG fetch
//! standard.

use super::network::Network;

/// Why an address is not a public unicast address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressKind {
    Loopback,
    /// A private network: RFC 1918, RFC 6598, RFC 4193.
    Private,
    LinkLocal,
    /// A metadata or platform service of a cloud.
    CloudMetadata,
    /// Any other range that is not public unicast.
    SpecialPurpose,
}

type Row = (Network, AddressKind);

const fn v4(base: [u8; 4], prefix: u8, kind: AddressKind) -> Row {
    (Network::v4(base, prefix), kind)
}

const fn v6(base: [u16; 4], prefix: u8, kind: AddressKind) -> Row {
    (Network::v6(base, prefix), kind)
}

/// The metadata services of clouds. No permission covers them. They are searched before the ranges that contain them.
pub(super) const CLOUD_METADATA: &[Row] = &[
    v4([169, 254, 169, 254], 32, AddressKind::CloudMetadata),
    v4([169, 254, 170, 2], 32, AddressKind::CloudMetadata),
    v4([100, 100, 100, 200], 32, AddressKind::CloudMetadata), // Alibaba
    v4([168, 63, 129, 16], 32, AddressKind::CloudMetadata),   // Azure WireServer, in a public range
    v4([192, 0, 0, 192], 32, AddressKind::CloudMetadata),     // Oracle classic
    v6([0xfd00, 0x0ec2, 0, 0], 32, AddressKind::CloudMetadata), // AWS: metadata, time, pod identity
    v6([0xfd20, 0x00ce, 0, 0], 32, AddressKind::CloudMetadata), // Google
];

pub(super) const V4: &[Row] = &[
    v4([0, 0, 0, 0], 8, AddressKind::SpecialPurpose), // 0.0.0.0 reaches localhost on Linux
    v4([10, 0, 0, 0], 8, AddressKind::Private),
    v4([100, 64, 0, 0], 10, AddressKind::Private), // carrier-grade NAT, RFC 6598
    v4([127, 0, 0, 0], 8, AddressKind::Loopback),
    v4([169, 254, 0, 0], 16, AddressKind::LinkLocal),
    v4([172, 16, 0, 0], 12, AddressKind::Private),
    v4([192, 0, 0, 0], 24, AddressKind::SpecialPurpose),
    v4([192, 0, 2, 0], 24, AddressKind::SpecialPurpose),
    v4([192, 31, 196, 0], 24, AddressKind::SpecialPurpose), // AS112: global, but never a webhook receiver
    v4([192, 52, 193, 0], 24, AddressKind::SpecialPurpose), // AMT
    v4([192, 88, 99, 0], 24, AddressKind::SpecialPurpose),
    v4([192, 168, 0, 0], 16, AddressKind::Private),
    v4([192, 175, 48, 0], 24, AddressKind::SpecialPurpose),
    v4([198, 18, 0, 0], 15, AddressKind::SpecialPurpose),
    v4([198, 51, 100, 0], 24, AddressKind::SpecialPurpose),
    v4([203, 0, 113, 0], 24, AddressKind::SpecialPurpose),
    v4([224, 0, 0, 0], 4, AddressKind::SpecialPurpose),
    v4([240, 0, 0, 0], 4, AddressKind::SpecialPurpose),
];

/// The only IPv6 range that is assigned to global unicast. Every address outside is refused.
pub(super) const V6_GLOBAL: Network = Network::v6([0x2000, 0, 0, 0], 3);

/// The special-purpose ranges inside [`V6_GLOBAL`].
pub(super) const V6_GLOBAL_EXCEPTIONS: &[Row] = &[
    v6([0x2001, 0, 0, 0], 23, AddressKind::SpecialPurpose), // Teredo, benchmarking, ORCHID ...
    v6([0x2001, 0x0db8, 0, 0], 32, AddressKind::SpecialPurpose),
    v6([0x2002, 0, 0, 0], 16, AddressKind::SpecialPurpose), // 6to4
    v6([0x2620, 0x004f, 0x8000, 0], 48, AddressKind::SpecialPurpose), // AS112
    v6([0x3ffe, 0, 0, 0], 16, AddressKind::SpecialPurpose), // 6bone, returned
    v6([0x3fff, 0, 0, 0], 20, AddressKind::SpecialPurpose),
];

/// The ranges outside [`V6_GLOBAL`] that have a kind of their own. The rest of that space is special-purpose.
pub(super) const V6_OTHER: &[Row] = &[
    (Network::host(std::net::IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)), AddressKind::Loopback),
    v6([0xfc00, 0, 0, 0], 7, AddressKind::Private),
    v6([0xfe80, 0, 0, 0], 10, AddressKind::LinkLocal),
];

/// The well-known NAT64 prefix (RFC 6052 section 2.1). Network-specific prefixes cannot be recognised.
pub(super) const NAT64: Network = Network::v6([0x0064, 0xff9b, 0, 0], 96);

/// Suffixes of local names, which never lead to a customer's public server.
pub(super) const LOCAL_NAMES: &[&str] = &[
    "localhost",
    "localdomain",
    "local",
    "internal",
    "home.arpa",
    "onion",
    "svc",
    "corp",
    "home",
    "lan",
    "intranet",
    "private",
    "metadata.goog",
];

/// Port 0 and the bad ports of the WHATWG fetch standard, sorted.
pub(super) const BAD_PORTS: &[u16] = &[
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
    110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531,
    532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060,
    5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_ports_are_sorted_for_the_binary_search() {
        assert!(BAD_PORTS.is_sorted());
    }
}

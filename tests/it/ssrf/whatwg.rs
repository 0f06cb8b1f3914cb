//! `Target` is compared with the crate `url`, which implements the WHATWG URL Standard.

use std::net::{Ipv4Addr, Ipv6Addr};

use hookwire::endpoint::{MAX_URL_BYTES, Target};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::sample::select;

/// What a WHATWG parser reads: the canonical text, the host as it is written in the text, and the port.
fn whatwg(text: &str) -> Option<(String, String, u16)> {
    let url = url::Url::parse(text).ok()?;
    Some((url.as_str().to_owned(), url.host_str()?.to_owned(), url.port_or_known_default()?))
}

/// The parser that `Target` had before: the same rules around the crate `url`.
fn reference(text: &str) -> Option<String> {
    if text.len() > MAX_URL_BYTES
        || text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '#'))
    {
        return None;
    }
    let (scheme, rest) = text.split_once("://")?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let authority = rest.split(['/', '?']).next()?;
    if authority.contains(['@', '%']) || !authority.is_ascii() {
        return None;
    }
    let raw = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let url = url::Url::parse(text).ok()?;
    let same = match url.host()? {
        url::Host::Ipv4(ip) => raw == ip.to_string(),
        url::Host::Ipv6(_) => raw.starts_with('['),
        url::Host::Domain(name) => {
            let bare = name.strip_suffix('.').unwrap_or(name);
            name.eq_ignore_ascii_case(raw) && bare.len() <= 253 && bare.split('.').all(is_label)
        }
    };
    (same && url.as_str().len() <= MAX_URL_BYTES).then(|| url.into())
}

/// The tables of the crate `url` are needed to check what is encoded in an `xn--` label. It may refuse one that is accepted here.
fn has_punycode(host: &str) -> bool {
    host.split('.').any(|label| label.to_ascii_lowercase().starts_with("xn--"))
}

/// The crate `url` does not remove a segment such as `C:` before `..`. The standard keeps it for `file` URLs alone.
fn has_drive_letter(text: &str) -> bool {
    let is_letter = |segment: &str| matches!(segment.as_bytes(), [letter, b':' | b'|'] if letter.is_ascii_alphabetic());
    text.split(['/', '?']).any(is_letter)
}

fn check(text: &str) {
    let (ours, theirs) = (Target::parse(text).ok(), whatwg(text));
    match (&ours, theirs) {
        (Some(ours), Some((canonical, host, port))) => {
            if !has_drive_letter(text) {
                assert_eq!(ours.as_str(), canonical, "{text:?}");
            }
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            match ours.address() {
                Some(ip) => assert_eq!(bare.parse(), Ok(ip), "{text:?}"),
                None => assert_eq!(ours.host(), bare, "{text:?}"),
            }
            assert_eq!((ours.port(), ours.is_https()), (port, canonical.starts_with("https:")), "{text:?}");
            let again = Target::parse(ours.as_str()).expect("canonical text is accepted");
            assert_eq!(again.as_str(), ours.as_str(), "{text:?}");
        }
        (Some(ours), None) => assert!(has_punycode(ours.host()), "only we accept {text:?}"),
        (None, _) => {}
    }
    let host = ours.as_ref().map_or("", Target::host);
    if !has_punycode(host) && !has_drive_letter(text) {
        assert_eq!(ours.as_ref().map(|ours| ours.as_str().to_owned()), reference(text), "{text:?}");
    }
}

fn nasty_scheme() -> impl Strategy<Value = &'static str> {
    select(vec![
        "https://",
        "https://",
        "http://",
        "HTTPS://",
        "hTTp://",
        "https:/",
        "https:",
        "https:///",
        "http:\\\\",
        "ftp://",
        "//",
        "",
        " https://",
        "ht\ttp://",
        "https://https://",
        "file://",
        "ws://",
        "http:////",
        "\u{0}http://",
        "https//",
    ])
}

fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9_-]{0,5}",
        2 => select(vec![
            "", "0", "00", "127", "1", "255", "256", "0x7f", "0X7F", "0x", "0xg", "017", "08", "0127", "2130706433", "4294967296",
            "99999999999999999999", "xn--", "xn--a", "xn--nxasmq6b", "XN--NXASMQ6B", "xn--mgba3gch31f060k", "-", "a-", "-a", "_",
            "localhost", "internal", "*", "!", "'", "(", ",", ";", "=", "&", "+", "~", "|", "^", "<", "\"", "`", "{",
        ]).prop_map(str::to_owned),
        1 => select(vec!["\u{df}", "\u{3002}", "\u{ff0e}", "\u{2460}", "\u{200d}", "\u{130}", "\u{ad}", "\u{ff11}", "\u{1d7d8}", "e\u{301}"])
            .prop_map(str::to_owned),
        1 => (any::<u32>(), select(vec![0, 1, 2])).prop_map(|(number, form)| match form {
            0 => number.to_string(),
            1 => format!("{number:#x}"),
            _ => format!("0{number:o}"),
        }),
        1 => "[a-z0-9-]{55,70}",
    ]
}

fn ipv6() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).to_string()),
        (any::<u128>(), any::<u128>(), any::<u128>())
            .prop_map(|(bits, some, more)| Ipv6Addr::from_bits(bits & some & more & (some << 16)).to_string()),
        any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).to_ipv6_mapped().to_string()),
        any::<u32>().prop_map(|bits| format!("::{}", Ipv4Addr::from_bits(bits))),
        (0usize..64).prop_map(|zeros| {
            let groups: Vec<_> = (0..8).map(|at| if zeros >> at & 1 == 1 { "0" } else { "1" }).collect();
            groups.join(":")
        }),
        "[0-9a-fA-F:.]{0,24}",
        "(::)?(1:){0,8}(:)?[0-9.]{0,9}",
        select(vec!["::1%eth0", "::1%25eth0", "v1.a", "::ffff:127.0.0.01", "::127.1", "::0x7f", "1::2::3", "::1 ", ""])
            .prop_map(str::to_owned),
    ]
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::collection::vec(label(), 1..5).prop_map(|labels| labels.join(".")),
        1 => proptest::collection::vec(label(), 1..5).prop_map(|labels| labels.join(".") + "."),
        1 => any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).to_string()),
        2 => ipv6().prop_map(|inner| format!("[{inner}]")),
        1 => ipv6(),
        1 => (host_text(), select(vec!["%2e", "%00", "%", "@", "\\", "\t", "\n", "[", "]", "\u{a0}", "/", "?", "#", ":", "%41"]), host_text())
            .prop_map(|(left, mark, right)| format!("{left}{mark}{right}")),
        1 => "[ -~]{0,12}",
    ]
}

fn host_text() -> impl Strategy<Value = String> {
    "[a-z0-9.]{0,6}"
}

fn port() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just(String::new()),
        1 => any::<u16>().prop_map(|port| format!(":{port}")),
        2 => select(vec![
            ":", ":0", ":80", ":443", ":0443", ":00000000000000000080", ":65535", ":65536", ":4294967376", ":-1", ":+80", ":8x", ":x8",
            "::80", ":80:80", ":8 0", ":\u{ff18}", ":80@", ":@",
        ]).prop_map(str::to_owned),
    ]
}

fn tail() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[ -~]{0,4}",
        3 => select(vec![
            "/", "/", "//", ".", "..", "%2e", "%2E", "/./", "/../", "/.", "/..", ".%2e/", "%2e%2E", "...", "?", "??", "%", "%zz", "%2f",
            "%00", "\u{e5}", "\u{1f600}", "'", "\"", "<>", "^", "`", "{}", "|", "#", "@", ":", ";", "\\", "\u{85}", "\u{feff}", "C|", "c:",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_accepted_url_reads_the_same_to_a_whatwg_parser(
        scheme in nasty_scheme(), host in host(), port in port(), slash in select(vec!["/", "", "?"]), tail in tail(),
    ) {
        check(&format!("{scheme}{host}{port}{slash}{tail}"));
        check(&format!("https://{host}{port}{slash}{tail}"));
        check(&format!("http://h.example{port}/{tail}"));
        check(&format!("http://{host}/"));
    }

    #[test]
    fn any_text_reads_the_same_to_a_whatwg_parser(text in any::<String>(), printable in "[ -~]{0,40}") {
        for text in [text.clone(), format!("https://{text}"), format!("https://{printable}"), format!("http://h.example/{text}")] {
            check(&text);
        }
    }
}

/// Whether this is a label of a host name by RFC 1123 section 2.1, or has an underscore.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

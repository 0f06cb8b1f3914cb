//! Schemes and sources from a configuration in TOML or JSON: each is usable, or is refused with the name of the invalid field.
//!
//! The input is a configuration, optionally followed by a line `%%` and the body of a request.
#![no_main]

use std::sync::LazyLock;

use hookwire::provider::{Checked, SchemeConfig};
use hookwire::receiver::SourceConfig;
use hookwire::secret::Keyring;
use hookwire::signature::{Received, Trust};
use hookwire_fuzz::{Case, check_events, settings, unknown_keys};
use libfuzzer_sys::fuzz_target;

static KEYS: LazyLock<Keyring> = LazyLock::new(unknown_keys);

/// The request that every configured scheme verifies.
static CASE: LazyLock<Case> = LazyLock::new(|| {
    let text = "github 1700000000\nPOST https://example.com/hooks?a=b\n\
                signature: t=1700000000,v1=00\nid: 1\ntimestamp: 1700000000\n\n{\"id\":\"1\",\"type\":\"a\"}";
    Case::read(text.as_bytes()).unwrap()
});

fuzz_target!(|data: &[u8]| {
    let cut = data.windows(4).position(|window| window == b"\n%%\n");
    let (text, body) = match cut {
        Some(at) => (&data[..at], &data[at + 4..]),
        None => (data, &*CASE.body),
    };
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Some(config) = read::<SourceConfig>(text) {
        let _source = config.source();
    }
    let Some(config) = read::<SchemeConfig>(text) else { return };
    let scheme = match config.scheme() {
        Ok(scheme) => scheme,
        Err(error) => {
            assert!(!error.field.is_empty());
            return;
        }
    };
    assert_eq!(scheme.check(), Ok(()));
    let written = serde_json::to_string(&config).expect("a configuration can be serialized");
    assert_eq!(serde_json::from_str::<SchemeConfig>(&written).ok().as_ref(), Some(&config));
    let settings = settings(scheme);
    let trust = Trust { settings: &settings, ..Trust::new(&KEYS, CASE.now) };
    let received = Received { body, ..CASE.received() };
    if let Ok(Checked::Event { .. }) = scheme.verify(&received, &trust) {
        assert!(!scheme.proves_origin(), "verified without the key");
    }
    let _need = scheme.fetch_request(&received, &trust);
    if let Ok(events) = scheme.events(&received, &trust) {
        check_events(&events);
    }
});

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    if text.starts_with('{') { serde_json::from_str(text).ok() } else { toml::from_str(text).ok() }
}

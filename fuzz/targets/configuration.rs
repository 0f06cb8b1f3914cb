//! Schemes and sources out of a configuration, TOML or JSON: refused with the field's name, or usable.
//!
//! The input is a description, perhaps with a line `%%` and the body of a request behind it.
#![no_main]

use std::sync::LazyLock;

use hookwire::receiver::SourceConfig;
use hookwire::secret::Keyring;
use hookwire::signature::{Checked, Received, SchemeConfig, Trust, Verify as _};
use hookwire_fuzz::{Case, check_events, settings, unknown_keys};
use libfuzzer_sys::fuzz_target;

static KEYS: LazyLock<Keyring> = LazyLock::new(unknown_keys);

/// What every described scheme is asked about.
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
    let written = serde_json::to_string(&config).expect("a description can be written");
    assert_eq!(serde_json::from_str::<SchemeConfig>(&written).ok().as_ref(), Some(&config));
    let settings = settings(scheme);
    let trust = Trust { settings: &settings, ..Trust::new(&KEYS, CASE.now) };
    let received = Received { body, ..CASE.received() };
    if let Ok(Checked::Event { .. }) = scheme.verify(&received, &trust) {
        assert!(!scheme.proves_origin(), "verified without the key");
    }
    let _need = hookwire::signature::Verify::needs(scheme, &received, &trust);
    if let Ok(events) = hookwire::signature::Verify::events(scheme, &received, &trust) {
        check_events(&events);
    }
});

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    if text.starts_with('{') { serde_json::from_str(text).ok() } else { toml::from_str(text).ok() }
}

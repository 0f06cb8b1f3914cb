//! Schemes and sources out of a configuration: refused with the field's name, or usable.
#![no_main]

use std::sync::LazyLock;

use hookwire::receiver::SourceConfig;
use hookwire::secret::Keyring;
use hookwire::signature::{Checked, SchemeConfig, Trust, Verify as _};
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
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(config) = toml::from_str::<SourceConfig>(text) {
        let _source = config.source();
    }
    let Ok(config) = toml::from_str::<SchemeConfig>(text) else { return };
    let scheme = match config.scheme() {
        Ok(scheme) => scheme,
        Err(error) => {
            assert!(!error.field.is_empty());
            return;
        }
    };
    assert_eq!(scheme.check(), Ok(()));
    let settings = settings(scheme);
    let trust = Trust { settings: &settings, ..Trust::new(&KEYS, CASE.now) };
    if let Ok(Checked::Event { .. }) = scheme.verify(&CASE.received(), &trust) {
        panic!("verified without the key");
    }
    if let Ok(events) = hookwire::signature::Verify::events(scheme, &CASE.received(), &trust) {
        check_events(&events);
    }
});

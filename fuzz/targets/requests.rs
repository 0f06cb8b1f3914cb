//! Headers, signatures, tokens, timestamps and handshakes of every provider: a request without a valid signature is never verified,
//! and never causes a panic.
#![no_main]

use std::sync::LazyLock;

use hookwire::provider::Checked;
use hookwire::secret::Keyring;
use hookwire::signature::Trust;
use hookwire_fuzz::{Case, change, settings, unknown_keys};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

static KEYS: LazyLock<Keyring> = LazyLock::new(unknown_keys);

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { change(data, size, max_size, seed) });

fuzz_target!(|data: &[u8]| {
    let Some(case) = Case::read(data) else { return };
    let scheme = case.provider;
    let settings = settings(scheme);
    for accept_key in [false, true] {
        let trust = Trust { settings: &settings, accept_key, ..Trust::new(&KEYS, case.now) };
        if let Ok(Checked::Event { .. }) = scheme.verify(&case.received(), &trust) {
            assert!(!scheme.proves_origin(), "{} was verified without its key", case.provider.name());
        }
    }
});

//! Ids, types and batches from JSON, forms and headers: they are always bounded and printable.
#![no_main]

use hookwire::secret::Keyring;
use hookwire::signature::Trust;
use hookwire_fuzz::{Case, change, check_events, settings};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { change(data, size, max_size, seed) });

fuzz_target!(|data: &[u8]| {
    let Some(case) = Case::read(data) else { return };
    let (scheme, keys) = (case.provider, Keyring::empty());
    let settings = settings(scheme);
    let trust = Trust { settings: &settings, ..Trust::new(&keys, case.now) };
    if let Ok(events) = scheme.events(&case.received(), &trust) {
        check_events(&events);
    }
});

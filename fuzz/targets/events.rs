//! Ids, types and batches out of JSON, forms and headers: bounded and printable, whatever the body holds.
#![no_main]

use hookwire::secret::Keyring;
use hookwire::signature::Trust;
use hookwire_fuzz::{Case, check_events, settings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(case) = Case::read(data) else { return };
    let (scheme, keys) = (case.provider.scheme, Keyring::none());
    let settings = settings(scheme);
    let trust = Trust { settings: &settings, ..Trust::new(&keys, case.now) };
    if let Ok(events) = scheme.events(&case.received(), &trust) {
        check_events(&events);
    }
});

//! Secrets as people paste them: what is read is kept exactly, and one key has one spelling.
#![no_main]

use hookwire::secret::{Key, KeyError};
use hookwire::signature::providers::Provider;
use libfuzzer_sys::fuzz_target;

const READERS: [fn(&str) -> Result<Key, KeyError>; 9] = [
    Key::parse,
    Key::dangerous_parse_any_size,
    Key::text,
    Key::base64,
    Key::hex,
    Key::ed25519_hex,
    Key::ed25519_spki,
    Key::ed25519_pkcs8,
    Key::p256_spki,
];

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for read in READERS {
        let Ok(key) = read(text) else { continue };
        assert!(!text.trim().is_empty(), "a key out of nothing");
        let again = Key::restore(&key.expose()).expect("what was written can be read");
        assert_eq!(again.id(), key.id());
        assert_eq!(*again.expose(), *key.expose());
        assert!(text.len() < 24 || !format!("{key:?}").contains(text), "a secret is shown");
    }
    if let Ok(key) = Key::parse(text) {
        // White space, a version before it, the prefix of a symmetric key and the padding may be left away, and nothing else.
        let key = key.expose();
        let plain = key.strip_prefix("whsec_").unwrap_or(&key).trim_end_matches('=');
        assert!(text.contains(plain), "one key, two spellings");
    }
    for provider in Provider::all() {
        let _key = provider.scheme.read_key(text);
    }
});

//! Secrets as users paste them: a key is stored exactly, and each key has one canonical text.
#![no_main]

use hookwire::provider::Scheme;
use hookwire::secret::{Key, KeyError};
use libfuzzer_sys::fuzz_target;

const READERS: [fn(&str) -> Result<Key, KeyError>; 9] = [
    Key::parse,
    Key::dangerous_parse_any_size,
    Key::text,
    Key::base64,
    Key::hex,
    Key::ed25519,
    Key::ed25519_pkcs8,
    Key::p256,
    Key::rsa,
];

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for read in READERS {
        let Ok(key) = read(text) else { continue };
        assert!(!text.trim().is_empty(), "a key from an empty text");
        let again = Key::restore(&key.expose()).expect("a serialized key can be parsed");
        assert_eq!(again.id(), key.id());
        assert_eq!(*again.expose(), *key.expose());
        assert!(text.len() < 24 || !format!("{key:?}").contains(text), "Debug shows the secret");
    }
    if let Ok(key) = Key::parse(text) {
        // White space, a version prefix, the prefix of a symmetric key and the padding are optional. Nothing else is.
        let key = key.expose();
        let plain = key.strip_prefix("whsec_").unwrap_or(&key).trim_end_matches('=');
        assert!(text.contains(plain), "two texts for one key");
    }
    for provider in Scheme::all() {
        let _key = provider.key(text);
    }
});

//! Project Wycheproof's vectors through the public API, and weak keys, with which any signature would be valid.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hookwire::provider::{STANDARD, Scheme, SchemeConfig};
use hookwire::secret::{Key, KeyError, Keyring};
use serde_json::{Value, json};

use super::{ID, Request, ring};
use crate::support::vectors;

/// The message is the body and nothing else, so that foreign vectors fit.
static BARE: LazyLock<&Scheme> = LazyLock::new(|| {
    let config = json!({"name": "bare", "signature": {
        "algorithm": "hmac-sha256", "key": "standard", "encoding": "base64", "headers": ["webhook-signature"],
        "grammar": "standard",
    }});
    serde_json::from_value::<SchemeConfig>(config).unwrap().scheme().unwrap()
});

/// The identity, the point of order two, and two of order four and eight, in canonical and other spellings.
const SMALL_ORDER: [&str; 7] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
];

fn unhex(text: &Value) -> Vec<u8> {
    hex::decode(text.as_str().unwrap()).unwrap()
}

/// Judges every vector; an empty signature cannot even be presented, and is refused all the same.
fn judge(section: &str, version: &str, key: impl Fn(&[u8]) -> Keyring) -> usize {
    let cases = vectors("wycheproof.json")[section].as_array().unwrap().clone();
    for case in &cases {
        let signature = format!("{version},{}", BASE64.encode(unhex(&case["sig"])));
        let request = Request::new(&unhex(&case["msg"])).with("webhook-signature", signature);
        let accepted = request.verify(&BARE, &key(&unhex(&case["key"]))).is_ok();
        assert_eq!(accepted, case["valid"] == true, "{section} {}", case["tc"]);
    }
    cases.len()
}

#[test]
fn r_05_every_wycheproof_vector_of_ed25519_is_judged_as_expected() {
    let judged = judge("ed25519", "v1a", |key| ring(&format!("whpk_{}", BASE64.encode(key))));
    assert_eq!(judged, 151);
}

#[test]
fn r_05_every_wycheproof_vector_of_hmac_is_judged_as_expected() {
    assert_eq!(judge("hmac_sha256", "v1", |key| Keyring::new(Key::from_bytes(key).unwrap())), 87);
}

#[test]
fn r_05_a_public_key_of_small_order_is_rejected() {
    for point in SMALL_ORDER {
        let text = format!("whpk_{}", BASE64.encode(hex::decode(point).unwrap()));
        assert_eq!(Key::parse(&text).unwrap_err(), KeyError::InvalidEd25519, "{point}");
    }
}

#[test]
fn r_05_the_group_order_added_to_a_signature_makes_it_another_and_bad() {
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let keys = Keyring::new(Key::generate_ed25519().unwrap());
    let request = Request::signed(&keys);
    assert!(request.verify(&STANDARD, &keys).is_ok());
    let mut signature = BASE64.decode(request.signature().strip_prefix("v1a,").unwrap()).unwrap();
    let mut carry = 0;
    for (digit, add) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*digit) + u16::from(add) + carry;
        (*digit, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    let malleated = request.set("webhook-signature", format!("v1a,{}", BASE64.encode(signature)));
    assert!(malleated.verify(&STANDARD, &keys).is_err());
}

#[test]
fn a_receiver_needs_only_the_public_half() {
    let key = Key::generate_ed25519().unwrap();
    let request = Request::signed(&Keyring::new(key.clone()));
    assert!(request.verify(&STANDARD, &Keyring::new(key.public().unwrap())).is_ok());
    let other = Key::generate_ed25519().unwrap().public().unwrap();
    assert!(request.verify(&STANDARD, &Keyring::new(other)).is_err());
    assert_eq!(request.headers["webhook-id"], ID);
}

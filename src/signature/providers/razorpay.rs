//! Razorpay.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Hash, Place, Retries, Scheme, Signature};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] = &[
    ("rzp_live_", "a key id: take the secret that you typed for the webhook"),
    ("rzp_test_", "a key id: take the secret that you typed for the webhook"),
];

/// Razorpay: `X-Razorpay-Signature`, over the body. The id (`x-razorpay-event-id`) is not signed, nor is any time
/// judged. After a change of the secret, retries of older events are still signed with the old one: accept both.
///
/// Source: <https://razorpay.com/docs/webhooks/validate-test/>
pub static RAZORPAY: Scheme = Scheme::new("razorpay", "https://razorpay.com/docs/webhooks/validate-test/")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-razorpay-signature"]))
    .unsigned_id(&[Place::Header("x-razorpay-event-id")])
    .event_type(&[Place::Json("/event")])
    .not_keys(NOT_KEYS)
    .retries(
        Retries::documented("https://razorpay.com/docs/webhooks/validate-test/")
            .same_id(Fact::Yes)
            .span(Duration::from_hours(24)),
    );

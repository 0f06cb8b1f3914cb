//! Razorpay.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] = &[
    ("rzp_live_", "a key id: use the secret that you typed for the webhook"),
    ("rzp_test_", "a key id: use the secret that you typed for the webhook"),
];

/// Razorpay: the signature in `X-Razorpay-Signature` covers the body. The id (`x-razorpay-event-id`) is not signed, and no time
/// is checked. After a change of the secret, Razorpay still signs retries of older events with the old secret: accept both.
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
            .span(Duration::from_secs(24 * 60 * 60)),
    );

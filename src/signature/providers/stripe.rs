//! Stripe.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Hash, Part, Place, Retries, Scheme, Signature, Stamp};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] = &[
    ("sk_", "an API key: take the endpoint's signing secret, which begins with whsec_"),
    ("rk_", "a restricted API key: take the endpoint's signing secret, which begins with whsec_"),
    ("pk_", "a publishable key: take the endpoint's signing secret, which begins with whsec_"),
];

/// Stripe: `Stripe-Signature: t=…,v1=…`, over `t.body`. The secret is used as text, its `whsec_` included.
///
/// Source: <https://docs.stripe.com/webhooks/signature>
pub static STRIPE: Scheme = Scheme::new("stripe", "https://docs.stripe.com/webhooks/signature")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["stripe-signature"])
            .any_length()
            .fields(&["v1"])
            .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
            .stamp(Stamp::field("t")),
    )
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/type")])
    .not_keys(NOT_KEYS)
    .retries(
        Retries::documented("https://docs.stripe.com/webhooks/signature")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_hours(72)),
    );

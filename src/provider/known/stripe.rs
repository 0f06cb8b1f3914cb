//! Stripe.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{self, Place};

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] = &[
    ("sk_", "an API key: use the endpoint's signing secret, which begins with whsec_"),
    ("rk_", "a restricted API key: use the endpoint's signing secret, which begins with whsec_"),
    ("pk_", "a publishable key: use the endpoint's signing secret, which begins with whsec_"),
];

/// Stripe: the signature in `Stripe-Signature: t=…,v1=…` covers `t.body`. The secret is used as text, including its prefix
/// `whsec_`.
///
/// Source: <https://docs.stripe.com/webhooks/signature>
pub static STRIPE: Scheme = Scheme::new("stripe", "https://docs.stripe.com/webhooks/signature")
    .signature(signature::STRIPE)
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/type")])
    .not_keys(NOT_KEYS)
    .retries(
        Retries::documented("https://docs.stripe.com/webhooks/signature")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(72 * 60 * 60)),
    );

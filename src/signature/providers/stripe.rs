//! Stripe.

use crate::signature::{Encoding, Hash, Part, Place, Scheme, Signature, Stamp};

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
    .event_type(&[Place::Json("/type")]);

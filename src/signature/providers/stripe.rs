//! Stripe.

use crate::signature::{Encoding, Grammar, Hash, KeyText, Part, Place, Scheme, Stamp};

/// Stripe: `Stripe-Signature: t=…,v1=…`, over `t.body`. The secret is used as text, its `whsec_` included.
///
/// Source: <https://docs.stripe.com/webhooks/signature>
pub static STRIPE: Scheme = Scheme {
    name: "stripe",
    docs: "https://docs.stripe.com/webhooks/signature",
    key: KeyText::Text,
    hash: Hash::Sha256,
    headers: &["stripe-signature"],
    grammar: Grammar::Fields { signature: "v1" },
    encoding: Encoding::Hex,
    signed: &[Part::Timestamp, Part::Text("."), Part::Body],
    stamp: Stamp::Field("t"),
    id_header: None,
    id: &[Place::Json("/id")],
    id_authenticated: true,
    event_type: &[Place::Json("/type")],
    handshake: None,
};

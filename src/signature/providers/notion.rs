//! Notion.

use crate::signature::{Encoding, Fact, Handshake, Hash, Place, Retries, Scheme, Signature, When};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] =
    &[("ntn_", "an integration token: take the verification token of the subscription, which begins with secret_")];

/// Notion: `X-Notion-Signature: sha256=…`, over the body. The id in the body is signed; no time is judged. The
/// first request hands over the key and is not signed: it is answered only while the source is being set up.
///
/// Source: <https://developers.notion.com/reference/webhooks>
pub static NOTION: Scheme = Scheme::new("notion", "https://developers.notion.com/reference/webhooks")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-notion-signature"]).prefix("sha256="))
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/type")])
    .handshakes(&[Handshake::unsigned(&[
        When::Lacks(Place::Header("x-notion-signature")),
        When::Method("POST"),
        When::Has(Place::Json("/verification_token")),
    ])
    .captures(Place::Json("/verification_token"))])
    .not_keys(NOT_KEYS)
    .retries(Retries::documented("https://developers.notion.com/reference/webhooks").same_id(Fact::Yes));

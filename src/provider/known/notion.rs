//! Notion.

use crate::provider::{Condition, Fact, Handshake, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] =
    &[("ntn_", "an integration token: use the verification token of the subscription, which begins with secret_")];

/// Notion: the signature in `X-Notion-Signature: sha256=…` covers the body. The id in the body is signed; no time is checked. The
/// first request hands over the key and is not signed: it is answered only while the source is being set up.
///
/// Source: <https://developers.notion.com/reference/webhooks>
pub static NOTION: Scheme = Scheme::new("notion", "https://developers.notion.com/reference/webhooks")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-notion-signature"]).prefix("sha256="))
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/type")])
    .handshakes(&[Handshake::unsigned(&[
        Condition::Lacks(Place::Header("x-notion-signature")),
        Condition::Method("POST"),
        Condition::Has(Place::Json("/verification_token")),
    ])
    .captures(Place::Json("/verification_token"))])
    .not_keys(NOT_KEYS)
    .retries(Retries::documented("https://developers.notion.com/reference/webhooks").same_id(Fact::Yes));

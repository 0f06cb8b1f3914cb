//! Standard Webhooks 1.0.0: <https://www.standardwebhooks.com>.

use super::scheme::{Encoding, Grammar, Hash, KeyText, Part, Place, Scheme, Stamp};

/// Standard Webhooks, `v1` (HMAC-SHA256) and `v1a` (Ed25519): `id.timestamp.body`.
///
/// Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
pub static STANDARD: Scheme = Scheme {
    name: "standard",
    docs: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
    key: KeyText::Standard,
    hash: Hash::Sha256,
    headers: &["webhook-signature"],
    grammar: Grammar::Versioned,
    encoding: Encoding::Base64,
    signed: &[Part::Id, Part::Text("."), Part::Timestamp, Part::Text("."), Part::Body],
    stamp: Stamp::Header("webhook-timestamp"),
    id_header: Some("webhook-id"),
    id: &[Place::Header("webhook-id")],
    id_authenticated: true,
    event_type: &[Place::Json("/type")],
    handshake: None,
};

/// [`STANDARD`], and refuses ids of other characters than `A-Z a-z 0-9 _ -`.
///
/// The specification joins id, time and body by dots. Where a sender allows dots in its ids **and** signs bodies that
/// begin with digits and a dot, a captured message can be cut into another one; a JSON object never begins so. Take this scheme
/// for senders whose bodies are anything else.
pub static STANDARD_STRICT: Scheme =
    Scheme { signed: &[Part::PlainId, Part::Text("."), Part::Timestamp, Part::Text("."), Part::Body], ..STANDARD };

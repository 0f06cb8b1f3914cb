//! Standard Webhooks 1.0.0: <https://www.standardwebhooks.com>.

use super::algorithm::KeyText;
use super::encoding::Encoding;
use super::hash::Hash;
use super::part::Part;
use super::recipe::{Grammar, Signature, SignatureAt};
use super::stamp::Stamp;

/// Standard Webhooks, `v1` (HMAC-SHA256) and `v1a` (Ed25519): `id.timestamp.body`.
///
/// Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
pub const STANDARD: Signature = Signature::hmac(Hash::Sha256, Encoding::Base64, &["webhook-signature"])
    .key(KeyText::Standard)
    .grammar(Grammar::Versioned)
    .signed(&[Part::Id, Part::Text("."), Part::Timestamp, Part::Text("."), Part::Body])
    .stamp(Stamp::header("webhook-timestamp"))
    .id_header("webhook-id");

/// The same as [`STANDARD`], but ids with other characters than `A-Z a-z 0-9 _ -` are rejected.
///
/// The specification joins id, time and body with dots, and forbids dots in id and time. Some senders use ids with dots
/// nevertheless (for example for Slack events), and [`STANDARD`] accepts them. It rejects a body that could be the rest of another
/// message that was split at another dot. Such a body begins with a digit if the id has a dot, or with a time and a dot. Use this
/// signature for senders whose bodies are neither JSON objects nor arrays.
pub const STANDARD_STRICT: Signature =
    STANDARD.signed(&[Part::PlainId, Part::Text("."), Part::Timestamp, Part::Text("."), Part::Body]);

/// [`STANDARD`] in the headers of Svix: `svix-id`, `svix-timestamp` and `svix-signature`.
pub const SVIX: Signature =
    STANDARD.at(SignatureAt::Header(&["svix-signature"])).stamp(Stamp::header("svix-timestamp")).id_header("svix-id");

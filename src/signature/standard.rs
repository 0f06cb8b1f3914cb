//! Standard Webhooks 1.0.0: <https://www.standardwebhooks.com>.

use super::encoding::Encoding;
use super::hash::Hash;
use super::part::Part;
use super::place::Place;
use super::recipe::{Grammar, KeyText, Signature, SignatureAt};
use super::retries::{Fact, Retries};
use super::scheme::Scheme;
use super::stamp::Stamp;

const DOCS: &str = "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md";

/// `id.timestamp.body`, in the headers of Standard Webhooks: what the dialects vary.
pub(super) const SIGNATURE: Signature = Signature::hmac(Hash::Sha256, Encoding::Base64, &["webhook-signature"])
    .key(KeyText::Standard)
    .grammar(Grammar::Versioned)
    .signed(&[Part::Id, Part::Text("."), Part::Timestamp, Part::Text("."), Part::Body])
    .stamp(Stamp::header("webhook-timestamp"))
    .id_header("webhook-id");

/// The same, in the headers of Svix.
pub(super) const SVIX: Signature =
    SIGNATURE.at(SignatureAt::Header(&["svix-signature"])).stamp(Stamp::header("svix-timestamp")).id_header("svix-id");

/// A provider that follows Standard Webhooks, but for what is changed afterwards.
pub(super) const fn dialect(name: &'static str, docs: &'static str) -> Scheme {
    BASE.renamed(name, docs)
}

/// Standard Webhooks, `v1` (HMAC-SHA256) and `v1a` (Ed25519): `id.timestamp.body`.
///
/// Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
pub static STANDARD: Scheme = BASE;

pub(super) const BASE: Scheme = Scheme::new("standard", DOCS)
    .signature(SIGNATURE)
    .signed_id(&[Place::Header("webhook-id")])
    .event_type(&[Place::Json("/type")])
    .retries(Retries::documented(DOCS).same_id(Fact::Yes).signed_anew(Fact::Yes));

/// [`STANDARD`], and refuses ids of other characters than `A-Z a-z 0-9 _ -`.
///
/// The specification joins id, time and body by dots, and says that neither id nor time may have one. Some senders' ids have dots all the
/// same (those of Slack events, for example), and [`STANDARD`] takes them; what it does not take is a body that could be the rest of another message,
/// cut at another dot: one that begins with a digit where the id has a dot, or with a time and a dot. Take this scheme for senders
/// whose bodies are neither JSON objects nor arrays.
pub static STANDARD_STRICT: Scheme =
    BASE.signature(SIGNATURE.signed(&[Part::PlainId, Part::Text("."), Part::Timestamp, Part::Text("."), Part::Body]));

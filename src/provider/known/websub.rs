//! `WebSub`, the subscriber's side.

use crate::provider::{Challenge, Checked, Events, Reply, Retries, Scheme, Setting, Summary, Verify};
use crate::signature::{Algorithm, Encoding, Hash, Place, Received, Signature, Trust, VerifyError};

const DOCS: &str = "https://www.w3.org/TR/websub/";

const SETTINGS: &[Setting] = &[
    Setting::optional("pending_topics", "the topics that you asked to subscribe to; see also Source::decide"),
    Setting::optional("leaving_topics", "the topics that you asked to unsubscribe from; see also Source::decide"),
    Setting::optional("min_hash", "`sha256`, `sha384` or `sha512`: signatures with a weaker hash are rejected")
        .one_of(&["sha1", "sha256", "sha384", "sha512"], "must be one of sha1, sha256, sha384, sha512"),
];
const HASHES: &[Hash] = &[Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512];
static CONTENT: Scheme = Scheme::new("websub", DOCS).signature(
    Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hub-signature"]).algorithm(Algorithm::HmacNamed(HASHES)),
);

/// The maximum length of a topic and of a challenge, in bytes.
const MAX_BYTES: usize = 2_048;

/// `WebSub` (W3C), requests of a hub to a subscriber: the signature in `X-Hub-Signature: <method>=…` covers the body and is made
/// with the `hub.secret` of the subscription. SHA-1 is the weakest method; the setting `min_hash` can reject it. There is neither
/// an id nor a type nor a time. Content with a wrong signature is rejected; a hub may treat the rejection as a failure and send the
/// content again.
///
/// The verification of intent is answered with its challenge if the subscriber asked for this mode and topic: `subscribe` for the
/// topics in the setting `pending_topics`, `unsubscribe` for those in `leaving_topics`, and both for the topics that
/// [`Source::decide`](crate::receiver::Source::decide) accepts. Anybody can ask a hub to end a subscription, so every other
/// verification is answered with 404.
///
/// Source: <https://www.w3.org/TR/websub/>
pub static WEBSUB: Scheme = Scheme::new("websub", DOCS)
    .code(&WebSub)
    .settings(SETTINGS)
    .handshake_methods(&["GET"])
    .covering_body()
    .retries(Retries::documented(DOCS))
    .summary(
        Summary::new(
            "HMAC sha1/sha256/sha384/sha512, as named, hex, in `x-hub-signature`",
            "body",
            "none",
            "none",
            "decided",
        )
        .identified_by("nothing"),
    );

#[derive(Debug)]
struct WebSub;

impl Verify for WebSub {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        if received.method == http::Method::GET {
            return intent(received, trust);
        }
        let header = Place::Header("x-hub-signature").read(received, trust, "signature")?;
        let named = header.as_deref().and_then(|text| text.split_once('=')).and_then(|(name, _)| strength(name));
        let least = trust.settings.get("min_hash").map_or(Some(0), strength);
        let least = least.ok_or(VerifyError::MissingSetting("min_hash"))?;
        if named.is_some_and(|named| named < least) {
            return Err(VerifyError::UnsupportedAlgorithm);
        }
        CONTENT.verify(received, trust)
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        CONTENT.events(received, trust)
    }
}

fn strength(name: &str) -> Option<usize> {
    HASHES.iter().position(|hash| hash.name() == name)
}

/// Section 5.3: whether we asked for this mode and topic.
fn intent(received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
    let read = |name| Place::Query(name).read(received, trust, "handshake");
    let bounded = |name| read(name)?.filter(|text| text.len() <= MAX_BYTES).ok_or(VerifyError::Malformed("handshake"));
    let (mode, topic) = (bounded("hub.mode")?, bounded("hub.topic")?);
    let asked_for = match &*mode {
        "denied" => return Ok(Checked::Handshake(Reply::new(200))),
        "subscribe" => "pending_topics",
        "unsubscribe" => "leaving_topics",
        _ => return Err(VerifyError::HandshakeRejected { status: 404 }),
    };
    let mut confirmation = Reply::new(200);
    confirmation.headers.push(("content-type", "text/plain".to_owned()));
    confirmation.headers.push(("x-content-type-options", "nosniff".to_owned()));
    confirmation.body = bounded("hub.challenge")?.into_owned().into();
    if trust.settings.all(asked_for).iter().any(|pending| **pending == topic) {
        return Ok(Checked::Handshake(confirmation));
    }
    let lease = read("hub.lease_seconds")?.and_then(|text| text.parse().ok());
    Ok(Checked::Challenge(Challenge::new(mode.into_owned(), topic.into_owned(), lease, confirmation, 404)))
}

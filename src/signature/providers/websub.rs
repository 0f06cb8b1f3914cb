//! `WebSub`, the subscriber's side.

use crate::secret::{Key, KeyError};
use crate::signature::{
    About, Algorithm, Checked, Encoding, Events, Hash, Place, Question, Received, Reply, Retries, Scheme, Setting,
    Signature, Trust, Verify, VerifyError,
};

pub(super) const DOCS: &str = "https://www.w3.org/TR/websub/";

const SETTINGS: &[Setting] = &[
    Setting::optional("pending_topics", "the topics whose subscription was asked for; see also Source::decide"),
    Setting::optional("leaving_topics", "the topics whose subscription was asked to end; see also Source::decide"),
    Setting::optional("min_hash", "`sha256`, `sha384` or `sha512` refuses what is weaker")
        .one_of(&["sha1", "sha256", "sha384", "sha512"], "is none of sha1, sha256, sha384 and sha512"),
];
const HASHES: &[Hash] = &[Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512];
static CONTENT: Scheme = Scheme::new("websub", DOCS).signature(
    Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hub-signature"]).algorithm(Algorithm::HmacNamed(HASHES)),
);

/// Longest topic and challenge, in bytes.
const MAX_BYTES: usize = 2_048;

/// `WebSub` (W3C), what a hub sends to a subscriber: `X-Hub-Signature: <method>=…`, over the body, by the `hub.secret` of the
/// subscription; SHA-1 is the weakest method, and the setting `min_hash` refuses it. There is neither id nor type nor time.
/// Content whose signature is wrong is refused; a hub may read that as a failure and try again.
///
/// The verification of intent is answered with its challenge for what was asked for, mode and topic: `subscribe` for the topics in the
/// setting `pending_topics`, `unsubscribe` for those in `leaving_topics`, and either for what
/// [`Source::decide`](crate::receiver::Source::decide) says yes to. Anybody can ask a hub to end a subscription, so everything else is
/// answered with 404.
///
/// Source: <https://www.w3.org/TR/websub/>
pub static WEBSUB: WebSub = WebSub;

/// The scheme of [`WEBSUB`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WebSub;

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
        Verify::events(&CONTENT, received, trust)
    }

    fn retries(&self) -> Retries {
        Retries::documented(DOCS)
    }

    fn about(&self) -> About {
        About::new(
            "HMAC sha1/sha256/sha384/sha512, as named, hex, in `x-hub-signature`",
            "body",
            "none",
            "none",
            "decided",
        )
        .identified_by("nothing")
    }

    fn read_key(&self, secret: &str) -> Result<Key, KeyError> {
        Key::text(secret)
    }

    fn settings(&self) -> &[Setting] {
        SETTINGS
    }

    fn methods(&self) -> Vec<&'static str> {
        vec!["GET"]
    }

    fn covers_body(&self) -> bool {
        true
    }
}

fn strength(name: &str) -> Option<usize> {
    HASHES.iter().position(|hash| hash.name() == name)
}

/// Section 5.3: did we ask for this?
fn intent(received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
    let read = |name| Place::Query(name).read(received, trust, "handshake");
    let bounded = |name| read(name)?.filter(|text| text.len() <= MAX_BYTES).ok_or(VerifyError::Malformed("handshake"));
    let (mode, topic) = (bounded("hub.mode")?, bounded("hub.topic")?);
    let asked_for = match &*mode {
        "denied" => return Ok(Checked::Handshake(Reply::new(200))),
        "subscribe" => "pending_topics",
        "unsubscribe" => "leaving_topics",
        _ => return Err(VerifyError::HandshakeRefused { status: 404 }),
    };
    let mut yes = Reply::new(200);
    yes.headers.push(("content-type", "text/plain".to_owned()));
    yes.headers.push(("x-content-type-options", "nosniff".to_owned()));
    yes.body = bounded("hub.challenge")?.into_owned().into();
    if trust.settings.all(asked_for).iter().any(|pending| **pending == topic) {
        return Ok(Checked::Handshake(yes));
    }
    let lease = read("hub.lease_seconds")?.and_then(|text| text.parse().ok());
    Ok(Checked::Question(Question::new(mode.into_owned(), topic.into_owned(), lease, yes, 404)))
}

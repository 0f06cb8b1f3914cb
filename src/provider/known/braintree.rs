//! Braintree.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::Choice;

use crate::provider::{Checked, EventRef, Events, Identity, Reply, Retries, Scheme, Setting, Summary, Verify};
use crate::secret::{HmacKey, Kind, Mac, Tag};
use crate::signature::compare::equal;
use crate::signature::place::Found;
use crate::signature::{Encoding, Hash, Place, Received, Trust, VerifyError};

const DOCS: &str = "https://developer.paypal.com/braintree/docs/guides/webhooks/overview";

const SETTINGS: &[Setting] = &[Setting::required("public_key", "the public key that belongs to the private key")];
const SIGNATURE: Place = Place::Form("bt_signature");
const PAYLOAD: Place = Place::Form("bt_payload");
const CHALLENGE: Place = Place::Query("bt_challenge");

/// The limit of pairs of key and signature that are checked in one request.
const MAX_PAIRS: usize = 16;

/// Braintree: the form field `bt_signature` holds pairs of a public key and an HMAC-SHA1 over the text of `bt_payload`, which is
/// base64 of XML. The key of the HMAC is the SHA-1 of the private key (the secret). The setting `public_key` selects the pair that is
/// checked. There is no id, and no time is checked; an event is identified by its payload, which holds the time of the event.
///
/// The response to a challenge (`GET ?bt_challenge=`) is a MAC with the same key, so an attacker could send an event as the challenge and
/// get its signature. Therefore only challenges of 20 to 32 hexadecimal digits are answered, and a payload must be the base64 of markup.
/// Such digits never decode to markup.
///
/// Source: <https://developer.paypal.com/braintree/docs/guides/webhooks/overview>
pub static BRAINTREE: Scheme = Scheme::new("braintree", DOCS)
    .code(&Braintree)
    .settings(SETTINGS)
    .handshake_methods(&["GET"])
    .retries(Retries::documented(DOCS).span(Duration::from_secs(24 * 60 * 60)))
    .summary(
        Summary::new(
            "HMAC sha1 with the hash of the key, hex, in form `bt_signature`",
            "form `bt_payload`",
            "none",
            "none",
            "answered",
        )
        .identified_by("the payload; nothing without a time in it"),
    );

#[derive(Debug)]
struct Braintree;

impl Verify for Braintree {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        let ours = trust.settings.need("public_key")?;
        if received.method == http::Method::GET {
            return challenge(received, trust, ours).map(Checked::Handshake);
        }
        let found = Found::read(&[SIGNATURE, PAYLOAD], received);
        let request = (received, trust);
        let signature = found.text(&SIGNATURE, request, "signature")?.ok_or(VerifyError::Missing("signature"))?;
        let payload = found.text(&PAYLOAD, request, "body")?.ok_or(VerifyError::Malformed("body"))?;
        if !payload.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=\n".contains(&byte)) {
            return Err(VerifyError::Malformed("body"));
        }
        let mut tags: Option<Vec<Tag>> = None;
        let mut known = false;
        let mut good = Choice::from(0);
        for pair in signature.split('&').take(MAX_PAIRS) {
            let Some((key, hex)) = pair.split_once('|') else { return Err(VerifyError::Malformed("signature")) };
            if key == ours {
                known = true;
                let presented = Encoding::Hex.decode(hex.as_bytes()).filter(|it| it.as_bytes().len() == 20);
                let presented = presented.ok_or(VerifyError::Malformed("signature"))?;
                // Made once, for all pairs.
                let tags =
                    tags.get_or_insert_with(|| derived(trust).iter().flat_map(|key| macs(key, &payload)).collect());
                good = tags.iter().fold(good, |good, tag| good | equal(tag.as_bytes(), presented.as_bytes()));
            }
        }
        match (known, bool::from(good)) {
            (_, true) if is_markup(&payload) => Ok(Checked::Event { signed_at: None }),
            (_, true) => Err(VerifyError::Malformed("body")),
            (true, false) => Err(VerifyError::BadSignature),
            (false, false) => Err(VerifyError::UnknownKey),
        }
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let payload = PAYLOAD.read(received, trust, "body")?.unwrap_or_default();
        // The payload holds the time of the event; without a time, equal payloads may be different events.
        let dated = element(&payload, "timestamp").is_some();
        let event_type = element(&payload, "kind").filter(|kind| kind.bytes().all(is_of_name));
        let identity = if dated { Identity::This(payload.into_owned()) } else { Identity::Nothing };
        EventRef { event_type, identity, ..EventRef::default() }.checked().map(Events::One)
    }
}

/// The HMAC keys: the SHA-1 of each private key.
fn derived(trust: &Trust<'_>) -> Vec<HmacKey> {
    let keys = trust.keys.live(trust.now).filter_map(|key| match key.kind() {
        Kind::Hmac(key) => Some(HmacKey::new(Hash::Sha1.digest(key.bytes()).as_bytes())),
        _ => None,
    });
    keys.collect()
}

fn mac(key: &HmacKey, text: &str) -> Mac {
    let mut mac = Hash::Sha1.mac(key);
    mac.update(text.as_bytes());
    mac
}

/// The MACs of a payload, without and with a newline at its end: some clients lose the last newline.
fn macs(key: &HmacKey, payload: &str) -> [Tag; 2] {
    let mac = mac(key, payload);
    let mut longer = mac.clone();
    longer.update(b"\n");
    [mac.finish(), longer.finish()]
}

fn challenge(received: &Received<'_>, trust: &Trust<'_>, ours: &str) -> Result<Reply, VerifyError> {
    let text = CHALLENGE.read(received, trust, "handshake")?.ok_or(VerifyError::Missing("signature"))?;
    let harmless = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !harmless || !(20..=32).contains(&text.len()) {
        return Err(VerifyError::HandshakeRejected { status: 403 });
    }
    let key = derived(trust).into_iter().next().ok_or(VerifyError::NoKey)?;
    let mut reply = Reply::new(200);
    reply.headers.push(("content-type", "text/plain".to_owned()));
    reply.body = format!("{ours}|{}", hex::encode(mac(&key, &text).finish().as_bytes())).into();
    Ok(reply)
}

/// The response to a challenge is a MAC with the same key. No challenge decodes to markup, so no challenge is a valid payload.
fn is_markup(payload: &str) -> bool {
    decoded(payload).is_some_and(|xml| xml.trim_ascii_start().starts_with(b"<"))
}

/// The XML of a payload.
fn decoded(payload: &str) -> Option<Vec<u8>> {
    let text: String = payload.split_ascii_whitespace().collect();
    BASE64.decode(text).ok()
}

/// The text of the first element of this name. The first `<kind>` comes before all data that somebody else could choose.
fn element(payload: &str, name: &str) -> Option<String> {
    let xml = String::from_utf8(decoded(payload)?).ok()?;
    let (_, rest) = xml.split_once(&format!("<{name}"))?;
    let (attributes, rest) = rest.split_once('>')?;
    let sound = attributes.is_empty() || attributes.starts_with(' ');
    let (text, _) = rest.split_once(&format!("</{name}>")).filter(|_| sound)?;
    Some(text.to_owned())
}

const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

//! Twilio.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use http::header::CONTENT_TYPE;
use subtle::Choice;

use crate::percent;
use crate::provider::{Checked, EventRef, Events, Fact, Identity, Retries, Scheme, Setting, Summary, Verify};
use crate::secret::{Key, KeyError, Kind, refuse_foreign, trimmed};
use crate::signature::compare::{equal, same};
use crate::signature::form::check_fields;
use crate::signature::url::{UrlQuery, urls_of};
use crate::signature::{Encoding, Hash, Place, Received, Trust, VerifyError};

const DOCS: &str = "https://www.twilio.com/docs/usage/webhooks/webhooks-security";

const SIGNATURE: &str = "x-twilio-signature";
const SHARED_KEY: &str = "x-twilio-webhooks-signature-settings";
const BODY_HASH: Place = Place::Query("bodySHA256");
const ID: Place = Place::Header("i-twilio-idempotency-token");

const SETTINGS: &[Setting] = &[Setting::required("url", "the URL as registered at Twilio, or its origin").url()];

/// Twilio: the signature in `X-Twilio-Signature` (HMAC-SHA1, base64) covers the URL and the sorted fields of the form and is made
/// with the auth token. If the body is not a form, only the URL is signed, and the URL contains the SHA-256 of the body. With a
/// shared key, Twilio uses HMAC-SHA256, which it names in another header. The setting `url` is the URL as it is registered at
/// Twilio, or its origin.
///
/// Neither the id (`I-Twilio-Idempotency-Token`) nor a time is signed. Equal forms may be different events, so a request is
/// identified by id and form together; anybody who captures a request can therefore replay it with another id. Twilio signs the URL
/// with or without the port, and with `'` escaped or not, so each of these spellings is tried.
///
/// Source: <https://www.twilio.com/docs/usage/webhooks/webhooks-security>
pub static TWILIO: Scheme = Scheme::new("twilio", DOCS)
    .code(&Twilio)
    .settings(SETTINGS)
    .event_methods(&["GET"])
    .uses_answer()
    .read_key_by(read_key)
    .retries(
        Retries::documented("https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides")
            .same_id(Fact::Yes),
    )
    .summary(
        Summary::new(
            "HMAC sha1 (sha256 with a shared key), base64, in `x-twilio-signature`",
            "URL, form; another body by its hash in the URL",
            "none",
            "`i-twilio-idempotency-token`, **not covered**",
            "",
        )
        .identified_by("the id and the body; nothing without an id"),
    );

#[derive(Debug)]
struct Twilio;

/// The value of `X-Twilio-Signature` for a form posted to this URL, as Twilio makes it with an auth token: for tests of an
/// application. Returns `None` if the key cannot make a MAC.
///
/// ```
/// use hookwire::provider::{TWILIO, twilio_signature};
///
/// let token = TWILIO.key("an auth token of Twilio")?;
/// assert!(twilio_signature(&token, "https://example.com/hooks", b"Body=hello").is_some());
/// # Ok::<(), hookwire::secret::KeyError>(())
/// ```
#[must_use]
pub fn twilio_signature(key: &Key, url: &str, form: &[u8]) -> Option<String> {
    let Kind::Hmac(key) = key.kind() else { return None };
    let mut mac = Hash::Sha1.mac(key);
    mac.update(url.as_bytes());
    mac.update(&sorted(form));
    let mut text = Vec::with_capacity(28);
    Encoding::Base64.encode(mac.finish().as_bytes(), &mut text);
    String::from_utf8(text).ok()
}

impl Verify for Twilio {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        let mut lines = received.headers.get_all(SIGNATURE).iter();
        let presented = lines.next().ok_or(VerifyError::Missing("signature"))?;
        if lines.next().is_some() {
            return Err(VerifyError::Malformed("signature"));
        }
        let presented = Encoding::Base64.decode(presented.as_bytes()).ok_or(VerifyError::BadSignature)?;
        let hash = hash(received)?;
        let fields = fields(received, trust)?;
        let urls: BTreeSet<_> =
            urls_of(received, trust, "url", UrlQuery::AsReceived)?.iter().flat_map(|url| spellings(url)).collect();
        let mut good = Choice::from(0);
        for key in trust.keys.live(trust.now) {
            let Kind::Hmac(key) = key.kind() else { continue };
            for url in &urls {
                let mut mac = hash.mac(key);
                mac.update(url.as_bytes());
                mac.update(&fields);
                good |= equal(mac.finish().as_bytes(), presented.as_bytes());
            }
        }
        if good.into() { Ok(Checked::Event { signed_at: None }) } else { Err(VerifyError::BadSignature) }
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let id = ID.read(received, trust, "event id")?.map(Cow::into_owned);
        EventRef { id, identity: Identity::IdAndBody, ..EventRef::default() }.checked().map(Events::One)
    }
}

/// Reads an auth token. It rejects the SID of an account or of a key.
fn read_key(secret: &str) -> Result<Key, KeyError> {
    const SID: &str = "a SID, which names an account or a key: use the auth token of the account";
    let secret = trimmed(secret);
    let is_sid = secret.len() == 34 && secret.get(2..).is_some_and(|it| it.bytes().all(|it| it.is_ascii_hexdigit()));
    if is_sid {
        refuse_foreign(secret, &[("AC", SID), ("SK", SID)])?;
    }
    Key::text(secret)
}

/// SHA-1, unless the request has a shared key with another hash.
fn hash(received: &Received<'_>) -> Result<Hash, VerifyError> {
    let mut lines = received.headers.get_all(SHARED_KEY).iter();
    let Some(settings) = lines.next() else { return Ok(Hash::Sha1) };
    let settings = settings.to_str().map_err(|_| VerifyError::UnsupportedAlgorithm)?;
    let mut named = settings.split(',').filter_map(|field| field.trim().strip_prefix("algorithm="));
    match (named.next(), named.next(), lines.next()) {
        (Some("HMAC_SHA256"), None, None) => Ok(Hash::Sha256),
        (Some("HMAC_SHA1"), None, None) => Ok(Hash::Sha1),
        _ => Err(VerifyError::UnsupportedAlgorithm),
    }
}

/// The signed text after the URL. For a form: every name with its values, sorted, each value once. For another body: nothing, because
/// the URL contains the hash of the body.
fn fields(received: &Received<'_>, trust: &Trust<'_>) -> Result<Vec<u8>, VerifyError> {
    if let Some(expected) = BODY_HASH.read(received, trust, "bodySHA256")? {
        let mut is = Vec::with_capacity(64);
        Encoding::Hex.encode(Hash::Sha256.digest(received.body).as_bytes(), &mut is);
        let is = std::str::from_utf8(&is).unwrap_or_default();
        return if same(is, &expected) { Ok(Vec::new()) } else { Err(VerifyError::BadSignature) };
    }
    let content_type = received.headers.get(CONTENT_TYPE).map_or(&b""[..], http::HeaderValue::as_bytes);
    let form = b"application/x-www-form-urlencoded";
    let is_form = content_type.get(..form.len()).is_some_and(|start| start.eq_ignore_ascii_case(form));
    if !is_form && !received.body.is_empty() {
        return Err(VerifyError::BadSignature);
    }
    check_fields(received.body)?;
    Ok(sorted(received.body))
}

fn sorted(form: &[u8]) -> Vec<u8> {
    let mut fields: BTreeMap<Cow<'_, str>, BTreeSet<Cow<'_, str>>> = BTreeMap::new();
    for (name, value) in percent::pairs(form) {
        fields.entry(name).or_default().insert(value);
    }
    let mut text = Vec::with_capacity(form.len());
    for (name, values) in fields {
        for value in values {
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(value.as_bytes());
        }
    }
    text
}

/// The URL with and without the port, each with apostrophes escaped and not escaped.
fn spellings(url: &str) -> Vec<String> {
    let mut all = vec![url.to_owned()];
    if let Some((scheme, rest)) = url.split_once("://") {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let host_at = authority.rfind('@').map_or(0, |at| at + 1);
        let (user, host) = authority.split_at(host_at);
        let default = if scheme == "https" { "443" } else { "80" };
        let port = host.rfind(':').filter(|at| !host.get(*at..).unwrap_or_default().contains(']'));
        let bare = port.and_then(|at| host.get(..at)).unwrap_or(host);
        all.push(format!("{scheme}://{user}{bare}{target}"));
        if port.is_none() {
            all.push(format!("{scheme}://{user}{bare}:{default}{target}"));
        }
    }
    if url.contains('\'') {
        all.extend(all.clone().iter().map(|url| url.replace('\'', "%27")));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::spellings;

    #[test]
    fn a_url_is_tried_with_and_without_its_port() {
        let of = |url| spellings(url).split_off(1);
        assert_eq!(of("https://a.example/b?c"), ["https://a.example/b?c", "https://a.example:443/b?c"]);
        assert_eq!(of("http://u:p@a.example:8080/b"), ["http://u:p@a.example/b"]);
        assert_eq!(of("https://[::1]/b"), ["https://[::1]/b", "https://[::1]:443/b"]);
    }
}

//! Twilio.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use http::header::CONTENT_TYPE;
use subtle::Choice;

use crate::secret::{Key, KeyError, Kind, refuse_foreign, trimmed};
use crate::signature::compare::{equal, same};
use crate::signature::form::check_fields;
use crate::signature::url::urls_of;
use crate::signature::{
    About, Checked, Conduct, Encoding, EventRef, Events, Fact, Hash, Identity, Place, Received, Retries, Setting,
    Trust, Verify, VerifyError,
};

pub(super) const DOCS: &str = "https://www.twilio.com/docs/usage/webhooks/webhooks-security";

const SIGNATURE: &str = "x-twilio-signature";
const SHARED_KEY: &str = "x-twilio-webhooks-signature-settings";
const BODY_HASH: Place = Place::Query("bodySHA256");
const ID: Place = Place::Header("i-twilio-idempotency-token");

const SETTINGS: &[Setting] = &[Setting::required("url", "the URL as Twilio has it, or its origin").url()];

/// Twilio: `X-Twilio-Signature`, base64, HMAC-SHA1 by the auth token over the URL and the sorted fields of the form; where the
/// body is no form, over the URL, which then holds the body's SHA-256. With a shared key, Twilio names HMAC-SHA256 in a
/// header of its own. The setting `url` is the URL as Twilio has it, or its origin.
///
/// Neither the id (`I-Twilio-Idempotency-Token`) nor any time is signed. A request is identified by id and form together, since
/// equal forms may be different events; so whoever captures a request can replay it under another id. Twilio signs with or without the port, and with or
/// without `'` escaped, so each spelling of the URL is tried.
///
/// Source: <https://www.twilio.com/docs/usage/webhooks/webhooks-security>
pub static TWILIO: Twilio = Twilio;

/// The scheme of [`TWILIO`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Twilio;

impl Twilio {
    /// The value of `X-Twilio-Signature` for a form posted to this URL, as Twilio makes it with an auth token: for tests of
    /// an application. `None` for a key that makes no MAC.
    #[must_use]
    pub fn signature(&self, key: &Key, url: &str, form: &[u8]) -> Option<String> {
        let Kind::Hmac(key) = key.kind() else { return None };
        let mut mac = Hash::Sha1.mac(key);
        mac.update(url.as_bytes());
        mac.update(&sorted(form));
        let mut text = Vec::with_capacity(28);
        Encoding::Base64.encode(mac.finish().as_bytes(), &mut text);
        String::from_utf8(text).ok()
    }
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
        let urls: BTreeSet<_> = urls_of(received, trust, "url")?.iter().flat_map(|url| spellings(url)).collect();
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

    fn read_key(&self, secret: &str) -> Result<Key, KeyError> {
        const SID: &str = "a SID, which names an account or a key: take the auth token of the account";
        let secret = trimmed(secret);
        let is_sid =
            secret.len() == 34 && secret.get(2..).is_some_and(|it| it.bytes().all(|it| it.is_ascii_hexdigit()));
        if is_sid {
            refuse_foreign(secret, &[("AC", SID), ("SK", SID)])?;
        }
        Key::text(secret)
    }

    fn retries(&self) -> Retries {
        Retries::documented("https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides")
            .same_id(Fact::Yes)
    }

    fn conduct(&self) -> Conduct {
        Conduct { uses_answer: true, ..Conduct::default() }
    }

    fn about(&self) -> About {
        About::new(
            "HMAC sha1 (sha256 with a shared key), base64, in `x-twilio-signature`",
            "URL, form; of another body its hash in the URL",
            "none",
            "`i-twilio-idempotency-token`, **not covered**",
            "",
        )
        .identified_by("the id and the body; nothing without an id")
    }

    fn settings(&self) -> &[Setting] {
        SETTINGS
    }

    fn methods(&self) -> Vec<&'static str> {
        vec!["GET"]
    }

    fn event_methods(&self) -> &'static [&'static str] {
        &["GET"]
    }
}

/// SHA-1, unless a shared key is used and says otherwise.
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

/// What is signed behind the URL: of a form every name with its values, sorted, each value once; of another body nothing,
/// because the URL holds its hash.
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
    for (name, value) in form_urlencoded::parse(form) {
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

/// With the port, without it, and each with apostrophes escaped.
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

//! Plivo.

use subtle::Choice;

use crate::provider::{Checked, EventRef, Events, Retries, Scheme, Setting, Summary, Verify};
use crate::secret::Kind;
use crate::signature::compare::equal;
use crate::signature::template::{checked_form, sorted_query};
use crate::signature::url::{UrlQuery, urls_of};
use crate::signature::{Encoding, Hash, Place, Received, Trust, VerifyError};

const DOCS: &str = "https://www.plivo.com/docs/voice/concepts/signature-validation";

/// The limit of signatures that are checked in one request.
const MAX_SIGNATURES: usize = 16;

const SETTINGS: &[Setting] =
    &[Setting::required("url", "the callback URL as registered at Plivo, or its origin").url()];
const SIGNATURES: [Place; 2] = [Place::Header("x-plivo-signature-v3"), Place::Header("x-plivo-signature-ma-v3")];
const NONCE: Place = Place::Header("x-plivo-signature-v3-nonce");
const TYPE: &[Place] = &[Place::Form("Event"), Place::Form("CallStatus"), Place::Form("Status")];

/// Plivo, signature version 3: base64 in `X-Plivo-Signature-V3` (while an auth token is being replaced, several signatures with
/// commas between them), or in `X-Plivo-Signature-Ma-V3` with the main account's token. The signature covers the URL with its query
/// sorted, the sorted form and the nonce. The setting `url` is the callback URL or its origin. No time is signed, and there is no id.
///
/// Source: <https://www.plivo.com/docs/voice/concepts/signature-validation>
pub static PLIVO: Scheme = Scheme::new("plivo", DOCS)
    .code(&Plivo)
    .settings(SETTINGS)
    .event_methods(&["GET"])
    .covering_body()
    .retries(Retries::documented("https://github.com/plivo/plivo-node/blob/master/lib/utils/v3Security.js"))
    .summary(
        Summary::new("HMAC sha256, base64, in `x-plivo-signature-v3`", "URL, form, nonce", "none", "none", "")
            .identified_by("nothing"),
    );

#[derive(Debug)]
struct Plivo;

impl Verify for Plivo {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        let nonce = NONCE.read(received, trust, "nonce")?.ok_or(VerifyError::Missing("nonce"))?;
        let mut texts = Vec::new();
        for place in SIGNATURES {
            texts.extend(place.read(received, trust, "signature")?);
        }
        let signatures: Vec<_> = texts.iter().flat_map(|text| text.split(',')).map(str::trim).collect();
        if signatures.is_empty() {
            return Err(VerifyError::Missing("signature"));
        }
        if signatures.len() > MAX_SIGNATURES {
            return Err(VerifyError::Malformed("signature"));
        }
        let presented: Vec<_> = signatures.iter().filter_map(|text| Encoding::Base64.decode(text.as_bytes())).collect();
        let mut keys = trust.keys.live(trust.now).filter_map(|key| match key.kind() {
            Kind::Hmac(key) => Some(key),
            _ => None,
        });
        let (first, rest) = (keys.next().ok_or(VerifyError::NoKey)?, keys);
        let form = if received.method == http::Method::POST { checked_form(received.body)? } else { Vec::new() };
        let texts: Vec<_> = urls_of(received, trust, "url", UrlQuery::AsReceived)?
            .iter()
            .map(|url| signed(url, &form, &nonce))
            .collect();
        let mut good = Choice::from(0);
        for key in std::iter::once(first).chain(rest) {
            for text in &texts {
                let mut mac = Hash::Sha256.mac(key);
                mac.update(text);
                let tag = mac.finish();
                good = presented.iter().fold(good, |good, it| good | equal(tag.as_bytes(), it.as_bytes()));
            }
        }
        if good.into() { Ok(Checked::Event { signed_at: None }) } else { Err(VerifyError::BadSignature) }
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let event_type = crate::provider::events::name(TYPE, received, trust, "event type")?;
        Ok(Events::One(EventRef { event_type, ..EventRef::default() }))
    }
}

/// The text that Plivo signs: the URL with its query sorted, the sorted form of a POST, and the nonce. For a POST with a form, a
/// question mark follows the path even if there is no query.
fn signed(url: &str, form: &[u8], nonce: &str) -> Vec<u8> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let query = sorted_query(query);
    let mut text = base.as_bytes().to_vec();
    if !query.is_empty() || !form.is_empty() {
        text.push(b'?');
        text.extend_from_slice(&query);
    }
    if !query.is_empty() && !form.is_empty() {
        text.push(b'.');
    }
    text.extend_from_slice(form);
    text.push(b'.');
    text.extend_from_slice(nonce.as_bytes());
    text
}

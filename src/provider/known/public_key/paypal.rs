//! PayPal.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::certificate::Chain;
use super::document;
use crate::clock::Timestamp;
use crate::provider::{Checked, EventRef, Events, FetchRequest, Retries, Scheme, Setting, Summary, Verify};
use crate::secret::{Kind, RsaForm};
use crate::signature::{Place, Received, Tolerance, Trust, Unit, VerifyError};

const DOCS: &str = "https://developer.paypal.com/api/rest/webhooks/rest/";

const ID: Place = Place::Header("paypal-transmission-id");
const TIME: Place = Place::Header("paypal-transmission-time");
const SIGNATURE: Place = Place::Header("paypal-transmission-sig");
const CERT_URL: Place = Place::Header("paypal-cert-url");
const ALGORITHM: Place = Place::Header("paypal-auth-algo");
const HOSTS: [&str; 2] = ["https://api.paypal.com/", "https://api.sandbox.paypal.com/"];
const SETTINGS: &[Setting] = &[
    Setting::optional("webhook_id", "the id of your webhook, if it is not given as the secret"),
    Setting::optional("tolerance_seconds", "the maximum age of a transmission; 259200 (three days) by default")
        .seconds(),
    Setting::optional("certs", "PayPal's certificates by URL; they are not fetched then"),
    Setting::optional(
        "trust_root_pem",
        "the root certificate that the chain must lead to, instead of the roots of the web",
    ),
];

/// PayPal repeats a request for three days, and may keep the time of the first attempt.
const DEFAULT_AGE_SECS: u64 = 3 * 86_400;

/// PayPal: the RSA signature with SHA-256 in `PAYPAL-TRANSMISSION-SIG` covers transmission id, time, your webhook's id (the
/// secret, or the setting `webhook_id`) and the CRC-32 of the body. It is verified with the certificate at `PAYPAL-CERT-URL`.
/// Certificates are fetched only from the hosts of PayPal's API, must be PayPal's, and must lead to a root.
///
/// **A CRC is not a cryptographic hash: it is easy to make another body with the same CRC**, so anybody who captures one request can
/// send any body with its signature. Get the resource from PayPal's API before you move money. An event is identified by its id,
/// which counts as not signed. A captured transmission is recognised by the id of the transmission, which is signed.
///
/// Source: <https://developer.paypal.com/api/rest/webhooks/rest/>
pub static PAYPAL: Scheme = Scheme::new("paypal", DOCS)
    .code(&PayPal)
    .settings(SETTINGS)
    .optional_key()
    .retries(Retries::documented(DOCS).span(Duration::from_secs(72 * 60 * 60)))
    .summary(
        Summary::new(
            "RSA sha256, base64, in `paypal-transmission-sig`, with a certificate",
            "transmission, time, CRC-32 of the body",
            "signed, 259200 s old, 300 s ahead",
            "`/id`, **not covered**",
            "",
        )
        .identified_by("the id"),
    );

#[derive(Debug)]
struct PayPal;

impl Verify for PayPal {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        let Transmission { id, time, signed_at, signature, url } = Transmission::read(received, trust)?;
        let pem = document(trust, "certs", &url).ok_or(VerifyError::UntrustedUrl)?;
        let chain = Chain::read(&pem)?;
        chain.check_leaf(trust.now, |name| name.ends_with(".paypal.com"))?;
        chain.check_chain(trust.settings.get("trust_root_pem"), trust.now)?;
        let key = chain.key()?;
        let crc = crc32fast::hash(received.body);
        let good = webhook_ids(trust).into_iter().fold(false, |any, webhook| {
            let signed = format!("{id}|{time}|{webhook}|{crc}");
            any | key.verifies(RsaForm::Pkcs1Sha256, signed.as_bytes(), &signature)
        });
        if !good {
            return Err(VerifyError::BadSignature);
        }
        tolerance(trust).check(signed_at, trust.now)?;
        Ok(Checked::Event { signed_at: Some(signed_at) })
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let name = |places, what| crate::provider::events::name(places, received, trust, what);
        let id = name(&[Place::Json("/id")], "event id")?;
        let event_type = name(&[Place::Json("/event_type")], "event type")?;
        // Only the CRC-32 of the body is signed, so a captured transmission is recognised by its own id, whatever its body is.
        let signed = name(&[ID], "event id")?;
        Ok(Events::One(EventRef { id, event_type, signed, ..EventRef::default() }))
    }

    fn fetch_request(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Option<FetchRequest>, VerifyError> {
        let transmission = Transmission::read(received, trust)?;
        if document(trust, "certs", &transmission.url).is_some() {
            return Ok(None);
        }
        // Every check that needs no certificate comes before the certificate is fetched.
        if webhook_ids(trust).is_empty() {
            return Err(VerifyError::NoKey);
        }
        tolerance(trust).check(transmission.signed_at, trust.now)?;
        Ok(Some(FetchRequest::at(transmission.url)))
    }
}

/// The content of the signature's headers.
struct Transmission<'a> {
    id: Cow<'a, str>,
    time: Cow<'a, str>,
    signed_at: Timestamp,
    signature: Vec<u8>,
    /// The URL of the certificate.
    url: String,
}

impl<'a> Transmission<'a> {
    fn read(received: &Received<'a>, trust: &Trust<'a>) -> Result<Self, VerifyError> {
        let read = |place: Place, what| place.read(received, trust, what)?.ok_or(VerifyError::Missing(what));
        let signature = read(SIGNATURE, "signature")?;
        if read(ALGORITHM, "signature")? != "SHA256withRSA" {
            return Err(VerifyError::UnsupportedAlgorithm);
        }
        let (id, time) = (read(ID, "signature")?, read(TIME, "timestamp")?);
        let signed_at = Unit::Rfc3339.read(time.as_bytes())?;
        let signature = BASE64.decode(signature.as_bytes()).map_err(|_| VerifyError::Malformed("signature"))?;
        Ok(Self { id, time, signed_at, signature, url: certificate_url(received, trust)? })
    }
}

/// The URL of the certificate. It must be on a host of PayPal's API, under the path for certificates.
fn certificate_url(received: &Received<'_>, trust: &Trust<'_>) -> Result<String, VerifyError> {
    let url = CERT_URL.read(received, trust, "signature")?.ok_or(VerifyError::Missing("signature"))?;
    let path = HOSTS.iter().find_map(|host| url.strip_prefix(host));
    let name = path.and_then(|path| path.strip_prefix("v1/notifications/certs/"));
    let sound = |name: &str| {
        (1..=128).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if name.is_some_and(sound) { Ok(url.into_owned()) } else { Err(VerifyError::UntrustedUrl) }
}

/// The webhook ids. They are not secret, but they are given in the place of the secret.
fn webhook_ids(trust: &Trust<'_>) -> Vec<String> {
    if let Some(id) = trust.settings.get("webhook_id") {
        return vec![id.to_owned()];
    }
    let keys = trust.keys.live(trust.now).filter_map(|key| match key.kind() {
        Kind::Hmac(key) => std::str::from_utf8(key.bytes()).ok().map(ToOwned::to_owned),
        _ => None,
    });
    keys.collect()
}

fn tolerance(trust: &Trust<'_>) -> Tolerance {
    let configured = trust.settings.get("tolerance_seconds").and_then(|text| text.parse().ok());
    let age = configured.unwrap_or(DEFAULT_AGE_SECS);
    trust.tolerance.unwrap_or(Tolerance::secs(age, 300))
}

//! Contentful.

use std::time::Duration;

use std::fmt::Write as _;

use subtle::Choice;

use crate::provider::{Checked, EventRef, Events, Fact, Identity, Retries, Scheme, Setting, Summary, Verify};
use crate::secret::Kind;
use crate::signature::compare::equal;
use crate::signature::url::{Configured, sent};
use crate::signature::{Encoding, Hash, Place, Received, Tolerance, Trust, Unit, VerifyError};

const DOCS: &str = "https://www.contentful.com/developers/docs/webhooks/request-verification/";

const SIGNATURE: Place = Place::Header("x-contentful-signature");
const SIGNED_HEADERS: &str = "x-contentful-signed-headers";
const TIMESTAMP: &str = "x-contentful-timestamp";
const ID: &[Place] = &[Place::Header("x-contentful-idempotency-key")];
const TYPE: &[Place] = &[Place::Header("x-contentful-topic")];

/// The limit of headers that a signature may cover.
const MAX_HEADERS: usize = 32;

/// A transformation of the webhook may choose any of these methods.
const METHODS: &[&str] = &["GET", "PUT", "PATCH", "DELETE"];

const SETTINGS: &[Setting] = &[Setting::optional(
    "url",
    "the URL as registered at Contentful, or its scheme, host and the path prefix that a proxy removes; needed only behind such a proxy",
)
.url()];

/// The longest retry schedule that a space can have is one day. Contentful's own library allows 30 s by default, and Contentful does
/// not document that a retry is signed anew.
const TOLERANCE: Tolerance = Tolerance::secs(86_700, 300);

/// Contentful: the signature in `x-contentful-signature` covers method, path, the headers listed in
/// `x-contentful-signed-headers`, and body. That list must contain itself and the time (milliseconds; 30 seconds are allowed),
/// because they are signed only then. Contentful lists id and topic as well; the id counts as signed only if the list contains
/// it.
///
/// Contentful encodes the path in an unusual way before it signs it: keep percent-escapes out of the webhook's URL.
///
/// Source: <https://www.contentful.com/developers/docs/webhooks/request-verification/>
pub static CONTENTFUL: Scheme = Scheme::new("contentful", DOCS)
    .code(&Contentful)
    .settings(SETTINGS)
    .event_methods(METHODS)
    .retries(
        Retries::documented("https://www.contentful.com/developers/docs/webhooks/retry-policy/")
            .same_id(Fact::Yes)
            .span(Duration::from_secs(24 * 60 * 60)),
    )
    .summary(
        Summary::new(
            "HMAC sha256, hex, in `x-contentful-signature`",
            "method, path, listed headers, body",
            "signed, 86700 s old, 300 s ahead",
            "`x-contentful-idempotency-key`, covered if it is listed",
            "",
        )
        .identified_by("the id; if it is not covered, the id and the body"),
    );

#[derive(Debug)]
struct Contentful;

impl Verify for Contentful {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        let malformed = VerifyError::Malformed("signature");
        let text = SIGNATURE.read(received, trust, "signature")?.ok_or(VerifyError::Missing("signature"))?;
        let presented = Encoding::Hex.decode(text.as_bytes()).filter(|it| it.as_bytes().len() == 32);
        let presented = presented.ok_or(malformed)?;
        let signed_at = Unit::Millis.read(value(received, TIMESTAMP)?.as_bytes())?;
        let fields = fields(received)?;
        let mut good = Choice::from(0);
        for target in targets_of(received, trust) {
            let head = format!("{}\n{}\n{fields}\n", received.method, path(&target));
            for key in trust.keys.live(trust.now) {
                let Kind::Hmac(key) = key.kind() else { continue };
                let mut mac = Hash::Sha256.mac(key);
                mac.update(head.as_bytes());
                mac.update(received.body);
                good |= equal(mac.finish().as_bytes(), presented.as_bytes());
            }
        }
        if !bool::from(good) {
            return Err(VerifyError::BadSignature);
        }
        trust.tolerance.unwrap_or(TOLERANCE).check(signed_at, trust.now)?;
        Ok(Checked::Event { signed_at: Some(signed_at) })
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let name = |places, what| crate::provider::events::name(places, received, trust, what);
        let id_authenticated = names(received)?.iter().any(|name| name == "x-contentful-idempotency-key");
        let (id, event_type) = (name(ID, "event id")?, name(TYPE, "event type")?);
        let identity = if id_authenticated { Identity::Id } else { Identity::IdAndBody };
        Ok(Events::One(EventRef { id, event_type, id_authenticated, identity, ..EventRef::default() }))
    }
}

/// The signed headers in the form that is signed: `name:value;name:value`.
fn fields(received: &Received<'_>) -> Result<String, VerifyError> {
    let names = names(received)?;
    let mut fields = Vec::with_capacity(names.len());
    for name in &names {
        fields.push(format!("{name}:{}", value(received, name)?.trim()));
    }
    Ok(fields.join(";"))
}

/// The names of the signed headers, sorted, in lower case.
fn names(received: &Received<'_>) -> Result<Vec<String>, VerifyError> {
    let list = value(received, SIGNED_HEADERS)?;
    let mut names: Vec<_> = list.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
    names.sort_unstable();
    let whole = [TIMESTAMP, SIGNED_HEADERS].iter().all(|name| names.iter().any(|listed| listed == name));
    if whole && names.len() <= MAX_HEADERS { Ok(names) } else { Err(VerifyError::Malformed("signed headers")) }
}

fn value<'a>(received: &Received<'a>, name: &str) -> Result<&'a str, VerifyError> {
    let mut values = received.headers.get_all(name).iter();
    let value = values.next().ok_or(VerifyError::Missing("signed header"))?;
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| VerifyError::Malformed("signed header"))?;
    if values.next().is_some() { Err(VerifyError::Malformed("signed header")) } else { Ok(text) }
}

/// The paths with query that may have been signed; without a setting, those of the request itself.
fn targets_of(received: &Received<'_>, trust: &Trust<'_>) -> Vec<String> {
    let sent = sent(received);
    match trust.settings.get("url") {
        Some(url) => Configured::read(url).map_or_else(|_| Vec::new(), |configured| configured.targets(sent)),
        None => vec![sent.to_owned()],
    }
}

/// The path as Contentful signs it: the query is escaped as one component, and then the whole is escaped once more as a URI.
/// Contentful's library removes an empty query together with its question mark, and drops everything after a second question mark.
fn path(target: &str) -> String {
    let mut parts = target.split('?');
    let mut text = parts.next().unwrap_or_default().to_owned();
    let query = parts.next().unwrap_or_default();
    if !query.is_empty() {
        text.push('?');
        escape(query, b"-_.!~*'()", &mut text);
    }
    let mut path = String::with_capacity(text.len());
    escape(&text, b";,/?:@&=+$-_.!~*'()#", &mut path);
    path
}

fn escape(text: &str, kept: &[u8], to: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            to.push(char::from(byte));
        } else {
            let _infallible = write!(to, "%{byte:02X}");
        }
    }
}

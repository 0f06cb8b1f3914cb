//! Contentful.

use std::time::Duration;

use std::fmt::Write as _;

use subtle::Choice;

use crate::secret::Kind;
use crate::signature::compare::equal;
use crate::signature::url::{sent, targets};
use crate::signature::{
    About, Checked, Encoding, EventRef, Events, Fact, Hash, Identity, Place, Received, Retries, Setting, Tolerance,
    Trust, Unit, Verify, VerifyError,
};

pub(super) const DOCS: &str = "https://www.contentful.com/developers/docs/webhooks/request-verification/";

const SIGNATURE: Place = Place::Header("x-contentful-signature");
const SIGNED_HEADERS: &str = "x-contentful-signed-headers";
const TIMESTAMP: &str = "x-contentful-timestamp";
const ID: &[Place] = &[Place::Header("x-contentful-idempotency-key")];
const TYPE: &[Place] = &[Place::Header("x-contentful-topic")];

/// Most headers that a signature may name.
const MAX_HEADERS: usize = 32;

/// A transformation may choose any of them.
const METHODS: &[&str] = &["GET", "PUT", "PATCH", "DELETE"];

const SETTINGS: &[Setting] = &[Setting::optional(
    "url",
    "the URL as Contentful has it, or scheme, host and the path that a proxy cuts off; needed behind such a proxy only",
)
.url()];

/// The longest schedule of retries that a space can be given, a day. Contentful's own library allows 30 s by default, and nobody
/// documents that a retry is signed anew.
const TOLERANCE: Tolerance = Tolerance::secs(86_700, 300);

/// Contentful: `x-contentful-signature`, over method, path, the headers that `x-contentful-signed-headers` names, and body.
/// That list must name itself and the time (milliseconds; 30 seconds are allowed), which are not signed otherwise. Id and
/// topic are signed where the list names them, as Contentful's does; the id counts as signed only then.
///
/// The path is signed in an odd spelling: keep percent-escapes out of the webhook's URL.
///
/// Source: <https://www.contentful.com/developers/docs/webhooks/request-verification/>
pub static CONTENTFUL: Contentful = Contentful;

/// The scheme of [`CONTENTFUL`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Contentful;

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
        let name = |places, what| crate::signature::events::name(places, received, trust, what);
        let id_authenticated = names(received)?.iter().any(|name| name == "x-contentful-idempotency-key");
        let (id, event_type) = (name(ID, "event id")?, name(TYPE, "event type")?);
        let identity = if id_authenticated { Identity::Id } else { Identity::IdAndBody };
        Ok(Events::One(EventRef { id, event_type, id_authenticated, identity, ..EventRef::default() }))
    }

    fn retries(&self) -> Retries {
        Retries::documented("https://www.contentful.com/developers/docs/webhooks/retry-policy/")
            .same_id(Fact::Yes)
            .span(Duration::from_hours(24))
    }

    fn about(&self) -> About {
        About::new(
            "HMAC sha256, hex, in `x-contentful-signature`",
            "method, path, named headers, body",
            "signed, 86700 s old, 300 s ahead",
            "`x-contentful-idempotency-key`, covered where it is named",
            "",
        )
        .identified_by("the id; with the body where the id is not covered")
    }

    fn settings(&self) -> &[Setting] {
        SETTINGS
    }

    fn methods(&self) -> Vec<&'static str> {
        METHODS.to_vec()
    }

    fn event_methods(&self) -> &'static [&'static str] {
        METHODS
    }
}

/// The signed headers as they are signed: `name:value;name:value`.
fn fields(received: &Received<'_>) -> Result<String, VerifyError> {
    let names = names(received)?;
    let mut fields = Vec::with_capacity(names.len());
    for name in &names {
        fields.push(format!("{name}:{}", value(received, name)?.trim()));
    }
    Ok(fields.join(";"))
}

/// The signed headers, sorted, in lower case.
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

/// Path and query that may have been signed; without a setting, the request's own.
fn targets_of(received: &Received<'_>, trust: &Trust<'_>) -> Vec<String> {
    trust.settings.get("url").map_or_else(|| vec![sent(received).to_owned()], |url| targets(received, url))
}

/// The path as Contentful signs it: the query escaped as one component, and the whole escaped once more as a URI. Contentful's
/// library leaves an empty query out with its question mark, and ends the query at a second one.
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

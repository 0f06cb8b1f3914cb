//! Hook0.

use std::time::Duration;

use std::str::Split;

use subtle::Choice;

use crate::clock::Timestamp;
use crate::provider::{Checked, EventRef, Events, Fact, Identity, Retries, Scheme, Setting, Summary, Verify};
use crate::secret::{HmacKey, Kind};
use crate::signature::compare::equal;
use crate::signature::{Encoding, Hash, Place, Received, Tolerance, Trust, Unit, VerifyError};

const DOCS: &str = "https://documentation.hook0.com/";

const SETTINGS: &[Setting] =
    &[Setting::optional("require_v1", "`true`: signatures that cover no headers are rejected")
        .one_of(&["true", "false"], "is neither true nor false")];
const SIGNATURE: Place = Place::Header("x-hook0-signature");
const ID: &str = "x-event-id";
const ID_AT: &[Place] = &[Place::Header(ID)];
const TYPE_AT: &[Place] = &[Place::Header("x-event-type")];

/// The limit of headers that a signature may cover.
const MAX_HEADERS: usize = 32;

/// Hook0: `X-Hook0-Signature` is `t=…,v0=…` or `t=…,h=…,v1=…`. `v0` covers `t.body`; `v1` covers the time, the header names in
/// `h`, the values of these headers and the body, joined by dots. If `v1` is present, only `v1` is checked. The time is signed.
/// Id and type are headers and are signed only if `h` lists them.
///
/// Anybody who captures a request with both signatures can remove `h` and `v1` and then change the headers. If the sender makes `v1`,
/// set `require_v1` to `true`.
///
/// Source: <https://documentation.hook0.com/>
pub static HOOK0: Scheme = Scheme::new("hook0", DOCS)
    .code(&Hook0)
    .settings(SETTINGS)
    .retries(
        Retries::documented("https://github.com/hook0/hook0/blob/master/output-worker/src/work.rs")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(192 * 60 * 60)),
    )
    .summary(
        Summary::new(
            "HMAC sha256, hex, in `x-hook0-signature`",
            "time, body; headers that the signature lists",
            "signed, 300 s",
            "`x-event-id`, covered if it is listed",
            "",
        )
        .identified_by("the id; if it is not covered, the id and the body"),
    );

#[derive(Debug)]
struct Hook0;

impl Verify for Hook0 {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        let text = SIGNATURE.read(received, trust, "signature")?.ok_or(VerifyError::Missing("signature"))?;
        let fields = Fields::read(&text)?;
        let presented = match (fields.v1, fields.v0) {
            (Some(v1), _) => v1,
            (None, Some(_)) if trust.settings.get("require_v1") == Some("true") => {
                return Err(VerifyError::UnsupportedAlgorithm);
            }
            (None, Some(v0)) => v0,
            (None, None) => return Err(VerifyError::Malformed("signature")),
        };
        let presented = Encoding::Hex.decode(presented.as_bytes()).filter(|it| it.as_bytes().len() == 32);
        let presented = presented.ok_or(VerifyError::Malformed("signature"))?;
        let signed_at = Unit::Seconds.read(fields.time.as_bytes())?;
        let signed = fields.signed(received)?;
        let mut good = Choice::from(0);
        for key in trust.keys.live(trust.now) {
            let Kind::Hmac(key) = key.kind() else { continue };
            good |= matches(key, &signed, received.body, presented.as_bytes());
        }
        if !bool::from(good) {
            return Err(VerifyError::BadSignature);
        }
        judged(signed_at, trust)
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let name = |places, what| crate::provider::events::name(places, received, trust, what);
        let text = SIGNATURE.read(received, trust, "signature")?.unwrap_or_default();
        // The verified header tells whether the id was signed.
        let id_authenticated = Fields::read(&text)
            .is_ok_and(|fields| fields.v1.is_some() && fields.names().any(|name| name.eq_ignore_ascii_case(ID)));
        let (id, event_type) = (name(ID_AT, "event id")?, name(TYPE_AT, "event type")?);
        let identity = if id_authenticated { Identity::Id } else { Identity::IdAndBody };
        Ok(Events::One(EventRef { id, event_type, id_authenticated, identity, ..EventRef::default() }))
    }
}

fn judged(signed_at: Timestamp, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
    trust.tolerance.unwrap_or(Tolerance::DEFAULT).check(signed_at, trust.now)?;
    Ok(Checked::Event { signed_at: Some(signed_at) })
}

fn matches(key: &HmacKey, signed: &str, body: &[u8], presented: &[u8]) -> Choice {
    let mut mac = Hash::Sha256.mac(key);
    mac.update(signed.as_bytes());
    mac.update(body);
    equal(mac.finish().as_bytes(), presented)
}

#[derive(Clone, Copy, Default)]
struct Fields<'a> {
    time: &'a str,
    v0: Option<&'a str>,
    v1: Option<&'a str>,
    headers: Option<&'a str>,
}

impl<'a> Fields<'a> {
    /// Each field may occur once; unknown fields are skipped.
    fn read(text: &'a str) -> Result<Self, VerifyError> {
        let malformed = VerifyError::Malformed("signature");
        let (mut fields, mut time) = (Self::default(), None);
        for field in text.split(',') {
            let Some((name, value)) = field.trim_start().split_once('=') else { continue };
            let slot = match name {
                "t" => &mut time,
                "v0" => &mut fields.v0,
                "v1" => &mut fields.v1,
                "h" => &mut fields.headers,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(malformed);
            }
        }
        fields.time = time.ok_or(malformed)?;
        if fields.v1.is_some() && fields.headers.is_none() { Err(malformed) } else { Ok(fields) }
    }

    fn names(&self) -> Split<'a, char> {
        self.headers.unwrap_or_default().split(' ')
    }

    /// The signed text before the body.
    fn signed(&self, received: &Received<'_>) -> Result<String, VerifyError> {
        let mut text = format!("{}.", self.time);
        if let (Some(_), Some(headers)) = (self.v1, self.headers) {
            text.push_str(headers);
            text.push('.');
            if self.names().count() > MAX_HEADERS {
                return Err(VerifyError::Malformed("signature"));
            }
            let values = self.names().map(|name| value(received, name)).collect::<Result<Vec<_>, _>>()?;
            text.push_str(&values.join("."));
            text.push('.');
        }
        Ok(text)
    }
}

fn value<'a>(received: &Received<'a>, name: &str) -> Result<&'a str, VerifyError> {
    let mut values = received.headers.get_all(name).iter();
    let value = values.next().ok_or(VerifyError::Missing("signed header"))?;
    let text = value.to_str().map_err(|_| VerifyError::Malformed("signed header"))?;
    if values.next().is_some() { Err(VerifyError::Malformed("signed header")) } else { Ok(text) }
}

//! Box.

use std::time::Duration;

use std::borrow::Cow;
use std::fmt::Write as _;

use subtle::Choice;

use crate::provider::{Checked, EventRef, Events, Fact, Identity, Retries, Scheme, Setting, Summary, Verify};
use crate::secret::{HmacKey, Key, Kind};
use crate::signature::compare::equal;
use crate::signature::{Encoding, Hash, Place, Received, Tolerance, Trust, Unit, VerifyError};

const DOCS: &str = "https://developer.box.com/guides/webhooks/v2/signatures-v2/";

const SETTINGS: &[Setting] = &[
    Setting::optional("secondary_key", "the secondary signature key, if there is one"),
    Setting::optional(
        "box_escape_fallback",
        "`true` if a proxy rewrites the body: also tries the body as Box writes it",
    )
    .one_of(&["true", "false"], "is neither true nor false"),
];
const TIMESTAMP: Place = Place::Header("box-delivery-timestamp");
const ID: &[Place] = &[Place::Header("box-delivery-id")];
/// The id of the event. It is the same in every attempt, unlike [`ID`].
const EVENT: &[Place] = &[Place::Json("/id")];
const TYPE: &[Place] = &[Place::Json("/trigger")];

/// Box documents that a time may be ten minutes old and not in the future.
const TOLERANCE: Tolerance = Tolerance::secs(600, 0);

/// Box webhooks v2: the signatures in `Box-Signature-Primary` and `Box-Signature-Secondary` (base64) cover body and time (RFC
/// 3339). The primary signature is checked only with the primary key (the secret), the secondary one only with the secondary key
/// (the setting `secondary_key`). One valid signature is enough. The time is signed. `Box-Delivery-Id` is not signed and
/// identifies the attempt; an event is identified by the `id` in its body.
///
/// Source: <https://developer.box.com/guides/webhooks/v2/signatures-v2/>
pub static BOX: Scheme = Scheme::new("box", DOCS)
    .code(&BoxCom)
    .settings(SETTINGS)
    .retries(
        Retries::documented("https://developer.box.com/guides/webhooks/v2")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(2 * 60 * 60)),
    )
    .summary(
        Summary::new(
            "HMAC sha256, base64, in `box-signature-primary` or `box-signature-secondary`, each with its own key",
            "body, time",
            "signed, 600 s old, 0 s ahead",
            "`box-delivery-id`, **not covered**",
            "",
        )
        .identified_by("`/id`; else the signed body and time"),
    );

#[derive(Debug)]
struct BoxCom;

impl Verify for BoxCom {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        let primary = signature(received, trust, "box-signature-primary")?;
        let secondary = signature(received, trust, "box-signature-secondary")?;
        if primary.is_none() && secondary.is_none() {
            return Err(VerifyError::Missing("signature"));
        }
        for (name, value) in [("box-signature-version", "1"), ("box-signature-algorithm", "HmacSHA256")] {
            let presented = Place::Header(name).read(received, trust, "signature")?;
            if presented.ok_or(VerifyError::Missing("signature"))? != value {
                return Err(VerifyError::UnsupportedAlgorithm);
            }
        }
        let text = TIMESTAMP.read(received, trust, "timestamp")?.ok_or(VerifyError::Missing("timestamp"))?;
        let signed_at = Unit::Rfc3339.read(text.as_bytes())?;
        let second = trust.settings.get("secondary_key").map(Key::text).transpose();
        let second = second.map_err(|_| VerifyError::MissingSetting("secondary_key"))?;
        let mut good = Choice::from(0);
        for body in bodies(received, trust) {
            let mut check = |key: &Key, presented: Option<&[u8]>| {
                if let (Kind::Hmac(key), Some(presented)) = (key.kind(), presented) {
                    good |= matches(key, &body, &text, presented);
                }
            };
            trust.keys.live(trust.now).for_each(|key| check(key, primary.as_deref()));
            second.iter().for_each(|key| check(key, secondary.as_deref()));
        }
        if !bool::from(good) {
            return Err(VerifyError::BadSignature);
        }
        trust.tolerance.unwrap_or(TOLERANCE).check(signed_at, trust.now)?;
        Ok(Checked::Event { signed_at: Some(signed_at) })
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let name = |places, what| crate::provider::events::name(places, received, trust, what);
        let (id, event_type) = (name(ID, "event id")?, name(TYPE, "event type")?);
        // A retry has a new delivery id; the id in the body stays the same.
        let identity = name(EVENT, "event id")?.map_or(Identity::Content, Identity::This);
        Ok(Events::One(EventRef { id, event_type, identity, ..EventRef::default() }))
    }
}

fn signature(received: &Received<'_>, trust: &Trust<'_>, name: &'static str) -> Result<Option<Vec<u8>>, VerifyError> {
    let Some(text) = Place::Header(name).read(received, trust, "signature")? else { return Ok(None) };
    let decoded = Encoding::Base64.decode(text.as_bytes()).filter(|it| it.as_bytes().len() == 32);
    decoded.map(|it| Some(it.as_bytes().to_vec())).ok_or(VerifyError::Malformed("signature"))
}

fn matches(key: &HmacKey, body: &[u8], timestamp: &str, presented: &[u8]) -> Choice {
    let mut mac = Hash::Sha256.mac(key);
    mac.update(body);
    mac.update(timestamp.as_bytes());
    equal(mac.finish().as_bytes(), presented)
}

/// The body as received and, if the setting asks for it, as Box writes it.
fn bodies<'a>(received: &Received<'a>, trust: &Trust<'_>) -> Vec<Cow<'a, [u8]>> {
    let mut bodies = vec![Cow::Borrowed(received.body)];
    if trust.settings.get("box_escape_fallback") == Some("true") {
        bodies.extend(std::str::from_utf8(received.body).ok().map(|text| Cow::Owned(escaped(text).into_bytes())));
    }
    bodies
}

/// Writes every character outside of ASCII as `\uXXXX`, and `/` as `\/` unless it is escaped already.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 64);
    let mut before = ' ';
    for character in text.chars() {
        match character {
            '/' if before != '\\' => escaped.push_str("\\/"),
            character if character.is_ascii() => escaped.push(character),
            character => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _infallible = write!(escaped, "\\u{unit:04x}");
                }
            }
        }
        before = character;
    }
    escaped
}

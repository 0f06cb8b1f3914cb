//! Adyen, payment webhooks.

use std::ops::Range;

use subtle::Choice;

use crate::secret::{HmacKey, Key, KeyError, Kind};
use crate::signature::compare::equal;
use crate::signature::{
    About, Checked, Conduct, Encoding, EventRef, Events, Fact, Fixed, Hash, Item, ItemBytes, MAX_EVENTS, Received,
    Retries, Trust, Verify, VerifyError, json,
};

pub(super) const DOCS: &str =
    "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures";

/// What is signed of each item, in order, joined by colons.
const SIGNED: [&str; 8] = [
    "/NotificationRequestItem/pspReference",
    "/NotificationRequestItem/originalReference",
    "/NotificationRequestItem/merchantAccountCode",
    "/NotificationRequestItem/merchantReference",
    "/NotificationRequestItem/amount/value",
    "/NotificationRequestItem/amount/currency",
    "/NotificationRequestItem/eventCode",
    "/NotificationRequestItem/success",
];
const SIGNATURE: &str = "/NotificationRequestItem/additionalData/hmacSignature";

/// Adyen's payment webhooks: every item of the body holds its own signature (`additionalData.hmacSignature`, base64, by the
/// key's hexadecimal digits), and all must be good. **Eight fields are signed**, joined by colons; everything else of an
/// item (payment method, reason, dates) is not, so fetch before you rely on it. Since colons are not escaped, references
/// with a colon in them can be read in two ways.
///
/// The id is `pspReference:eventCode:success`, which is signed; no time is. Answered with `[accepted]`.
///
/// Source: <https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures>
pub static ADYEN: Adyen = Adyen;

/// The scheme of [`ADYEN`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Adyen;

impl Verify for Adyen {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        let items = items(received)?;
        // The first item that is bad ends it: whoever cannot sign one item costs no more than one.
        for item in items {
            if !bool::from(check(received.body.get(item).unwrap_or_default(), trust)?) {
                return Err(VerifyError::BadSignature);
            }
        }
        Ok(Checked::Event { signed_at: None })
    }

    fn events(&self, received: &Received<'_>, _: &Trust<'_>) -> Result<Events, VerifyError> {
        let event = |range: Range<usize>| {
            let item = received.body.get(range.clone()).unwrap_or_default();
            let [psp_reference, .., event_code, success] = fields(item)?;
            let id = Some(format!("{psp_reference}:{event_code}:{success}"));
            let event = EventRef {
                id,
                event_type: Some(event_code),
                id_authenticated: true,
                identity_authenticated: true,
                ..EventRef::default()
            };
            Ok(Item { event: event.checked()?, bytes: ItemBytes::Part(range) })
        };
        Ok(Events::Batch(items(received)?.into_iter().map(event).collect::<Result<_, _>>()?))
    }

    fn retries(&self) -> Retries {
        Retries::documented(DOCS).same_id(Fact::Yes)
    }

    fn about(&self) -> About {
        About::new(
            "HMAC sha256, base64, in every item of the body",
            "eight fields of each item",
            "none",
            "each event's reference, code and success",
            "",
        )
    }

    fn read_key(&self, secret: &str) -> Result<Key, KeyError> {
        Key::hex(secret)
    }

    fn conduct(&self) -> Conduct {
        Conduct { accepted: Some(Fixed { status: 200, body: "[accepted]" }), ..Conduct::default() }
    }
}

fn items(received: &Received<'_>) -> Result<Vec<Range<usize>>, VerifyError> {
    let items = json::items(received.body, &[&["/notificationItems"]], MAX_EVENTS);
    let items = items.map_err(|error| error.error("body"))?;
    items.filter(|items| !items.is_empty()).ok_or(VerifyError::Missing("signature"))
}

fn check(item: &[u8], trust: &Trust<'_>) -> Result<Choice, VerifyError> {
    let malformed = VerifyError::Malformed("signature");
    let text = json::text_at(item, SIGNATURE).map_err(|json::Ambiguous| malformed)?;
    let text = text.ok_or(VerifyError::Missing("signature"))?;
    let presented = Encoding::Base64.decode(text.as_bytes()).ok_or(malformed)?;
    if presented.as_bytes().len() != 32 {
        return Err(malformed);
    }
    let signed = fields(item)?.join(":");
    let good = |key: &HmacKey| {
        let mut mac = Hash::Sha256.mac(key);
        mac.update(signed.as_bytes());
        equal(mac.finish().as_bytes(), presented.as_bytes())
    };
    Ok(trust.keys.live(trust.now).fold(Choice::from(0), |any, key| match key.kind() {
        Kind::Hmac(key) => any | good(key),
        _ => any,
    }))
}

/// The signed fields; what is absent is empty.
fn fields(item: &[u8]) -> Result<[String; 8], VerifyError> {
    let mut fields = [const { String::new() }; 8];
    for (field, pointer) in fields.iter_mut().zip(SIGNED) {
        let text = json::text_at(item, pointer).map_err(|json::Ambiguous| VerifyError::Malformed("body"))?;
        *field = text.unwrap_or_default();
    }
    Ok(fields)
}

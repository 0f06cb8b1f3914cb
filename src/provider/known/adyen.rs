//! Adyen, payment webhooks.

use std::ops::Range;

use subtle::Choice;

use crate::provider::items;
use crate::provider::{Checked, EventRef, Events, Fact, Item, MAX_EVENTS, Retries, Scheme, Summary, Verify};
use crate::secret::{HmacKey, Key, Kind};
use crate::signature::compare::equal;
use crate::signature::{Encoding, Hash, Received, Trust, VerifyError, json};

const DOCS: &str = "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures";

/// The fields of an item that are signed, in this order, joined by colons.
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

/// Adyen's payment webhooks: every item of the body holds its own signature (`additionalData.hmacSignature`, base64; the key is
/// written as hexadecimal digits), and all of them must be valid. **Eight fields of an item are signed**, joined by colons. The other
/// fields (payment method, reason, dates) are not signed, so get them from Adyen's API before you rely on them. Colons are not
/// escaped: if a reference contains a colon, different fields can give the same signed text.
///
/// The id is `pspReference:eventCode:success`, which is signed. No time is signed. The response to an event is `[accepted]`.
///
/// Source: <https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures>
pub static ADYEN: Scheme = Scheme::new("adyen", DOCS)
    .code(&Adyen)
    .accepted_response(200, "[accepted]")
    .read_key_by(Key::hex)
    .retries(Retries::documented(DOCS).same_id(Fact::Yes))
    .summary(Summary::new(
        "HMAC sha256, base64, in every item of the body",
        "eight fields of each item",
        "none",
        "each event's reference, code and success",
        "",
    ));

#[derive(Debug)]
struct Adyen;

impl Verify for Adyen {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        let items = items(received)?;
        // The check stops at the first bad item, so a sender without the key causes the work of one item only.
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
            Ok(Item::part(event.checked()?, range))
        };
        Ok(Events::Batch(items(received)?.into_iter().map(event).collect::<Result<_, _>>()?))
    }
}

fn items(received: &Received<'_>) -> Result<Vec<Range<usize>>, VerifyError> {
    let items = items::items(received.body, &[&["/notificationItems"]], MAX_EVENTS);
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

/// The signed fields; an absent field is empty.
fn fields(item: &[u8]) -> Result<[String; 8], VerifyError> {
    let mut fields = [const { String::new() }; 8];
    for (field, pointer) in fields.iter_mut().zip(SIGNED) {
        let text = json::text_at(item, pointer).map_err(|json::Ambiguous| VerifyError::Malformed("body"))?;
        *field = text.unwrap_or_default();
    }
    Ok(fields)
}

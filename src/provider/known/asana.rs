//! Asana.

use std::time::Duration;

use crate::provider::{BatchLayout, BodyPart, Condition, Handshake, IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

const SECRET: Place = Place::Header("x-hook-secret");

/// Asana: the signature in `X-Hook-Signature` covers the body; the key is the text that the handshake hands over. A request holds
/// many events without ids: each is identified by its own part of the body, which holds a time. No time is checked. The handshake
/// is answered only while the source is being set up.
///
/// Source: <https://developers.asana.com/docs/webhooks-guide>
pub static ASANA: Scheme = Scheme::new("asana", "https://developers.asana.com/docs/webhooks-guide")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hook-signature"]))
    .batch(BatchLayout {
        field: None,
        items: &[&["/events"]],
        id: &[],
        event_type: &[],
        identity: IdentityRule::First(&[IdentityRule::ByBodyWith(Place::Json("/created_at")), IdentityRule::Never]),
    })
    .handshakes(&[Handshake::unsigned(&[Condition::Method("POST"), Condition::Has(SECRET)])
        .headers(&[("x-hook-secret", &[BodyPart::Echo(SECRET)])])
        .captures(SECRET)])
    .retries(
        Retries::documented("https://developers.asana.com/docs/webhooks-guide").span(Duration::from_secs(24 * 60 * 60)),
    );

//! `TikTok` for Developers.

use std::time::Duration;

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// `TikTok` for Developers: the signature in `TikTok-Signature: t=…,s=…` covers `time.body` and is made with the client secret.
/// The time is signed; there is no id. `TikTok` repeats a request for up to 72 hours. It does not document whether a repeated
/// request has a new time, so a time of that age is accepted.
///
/// Source: <https://developers.tiktok.com/doc/webhooks-verification>
pub static TIKTOK: Scheme = Scheme::new("tiktok", "https://developers.tiktok.com/doc/webhooks-verification")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["tiktok-signature"])
            .fields(&["s"])
            .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
            .stamp(Stamp::field("t")),
    )
    .event_type(&[Place::Json("/event")])
    .retries(
        Retries::documented("https://developers.tiktok.com/doc/webhooks-overview")
            .span(Duration::from_secs(72 * 60 * 60)),
    );

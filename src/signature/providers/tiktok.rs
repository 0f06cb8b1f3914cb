//! `TikTok` for Developers.

use std::time::Duration;

use crate::signature::{Encoding, Hash, Part, Place, Retries, Scheme, Signature, Stamp};

/// `TikTok` for Developers: `TikTok-Signature: t=…,s=…`, over `time.body`, by the client secret. The time is signed; there is no
/// id. `TikTok` repeats a request for up to 72 hours; whether with a new time is not documented, so it may be so old.
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
    .retries(Retries::documented("https://developers.tiktok.com/doc/webhooks-overview").span(Duration::from_hours(72)));

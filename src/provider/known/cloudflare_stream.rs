//! Cloudflare Stream.

use crate::provider::{IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Cloudflare Stream: the signature in `Webhook-Signature: time=…,sig1=…` covers `time.body`. The time is signed; there is no id.
///
/// Source: <https://developers.cloudflare.com/stream/manage-video-library/using-webhooks/>
pub static CLOUDFLARE_STREAM: Scheme =
    Scheme::new("cloudflare_stream", "https://developers.cloudflare.com/stream/manage-video-library/using-webhooks/")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["webhook-signature"])
                .fields(&["sig1"])
                .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
                .stamp(Stamp::field("time")),
        )
        .event_type(&[Place::Json("/status/state")])
        .identified_by(IdentityRule::ByContent)
        .retries(Retries::documented("https://developers.cloudflare.com/stream/manage-video-library/using-webhooks/"));

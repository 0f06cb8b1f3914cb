//! Sinch Conversation API.

use crate::signature::{Encoding, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Tolerance};

/// Sinch, Conversation API: `x-sinch-webhook-signature`, base64, over `body.nonce.time`. The time is signed; the nonce is new in
/// each request, so it is no id. Whether a repeated request has a new time is not documented, so it may be a day old.
///
/// Source: <https://developers.sinch.com/docs/conversation/callbacks>
pub static SINCH: Scheme = Scheme::new("sinch", "https://developers.sinch.com/docs/conversation/callbacks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-sinch-webhook-signature"])
            .signed(&[
                Part::Body,
                Part::Text("."),
                Part::At(Place::Header("x-sinch-webhook-signature-nonce")),
                Part::Text("."),
                Part::Timestamp,
            ])
            .stamp(Stamp::header("x-sinch-webhook-signature-timestamp")),
    )
    .tolerance(Tolerance::secs(24 * 60 * 60, 300))
    .require(&[("x-sinch-webhook-signature-algorithm", "HmacSHA256")])
    .event_type(&[Place::JsonMember {
        except: &["app_id", "accepted_time", "event_time", "project_id", "message_metadata", "correlation_id"],
    }])
    .retries(Retries::unchecked("https://developers.sinch.com/docs/conversation/callbacks"));

//! Sinch Conversation API.

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Sinch, Conversation API: the signature in `x-sinch-webhook-signature` (base64) covers `body.nonce.time`. The time is signed;
/// it is the time of signing. The nonce is new in each request, and so is the signature, so the nonce does not identify an event.
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
    .require(&[("x-sinch-webhook-signature-algorithm", "HmacSHA256")])
    .event_type(&[Place::JsonMember {
        except: &["app_id", "accepted_time", "event_time", "project_id", "message_metadata", "correlation_id"],
    }])
    .retries(Retries::documented("https://developers.sinch.com/docs/conversation/callbacks").signed_anew(Fact::Yes));

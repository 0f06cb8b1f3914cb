//! Retell AI.

use crate::signature::{Encoding, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Unit};

/// Retell AI: `x-retell-signature: v=…,d=…`, over body and time, by the API key. The time is signed, in milliseconds; there is no
/// id of the event.
///
/// Source: <https://docs.retellai.com/features/secure-webhook>
pub static RETELL: Scheme = Scheme::new("retell", "https://docs.retellai.com/features/secure-webhook")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-retell-signature"])
            .fields(&["d"])
            .signed(&[Part::Body, Part::Timestamp])
            .stamp(Stamp::field("v").unit(Unit::Millis)),
    )
    .event_type(&[Place::Json("/event")])
    .retries(Retries::documented("https://docs.retellai.com/features/secure-webhook"));

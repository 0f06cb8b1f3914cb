//! Retell AI.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Retell AI: the signature in `x-retell-signature: v=…,d=…` covers body and time and is made with the API key. The time is
/// signed, in milliseconds; the event has no id.
///
/// Source: <https://docs.retellai.com/features/secure-webhook>
pub static RETELL: Scheme = Scheme::new("retell", "https://docs.retellai.com/features/secure-webhook")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-retell-signature"])
            .fields(&["d"])
            .signed(&[Part::Body, Part::Timestamp])
            .stamp(Stamp::field("v").millis()),
    )
    .event_type(&[Place::Json("/event")])
    .retries(Retries::documented("https://docs.retellai.com/features/secure-webhook"));

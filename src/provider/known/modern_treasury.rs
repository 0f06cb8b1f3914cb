//! Modern Treasury.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Modern Treasury: the signature in `X-Signature` covers the body. There is neither a signed time nor an id in the body. The
/// type is made of the header `X-Topic`, which is not signed, and the field `event` of the body.
///
/// Source: <https://docs.moderntreasury.com/platform/docs/signature-verification>
pub static MODERN_TREASURY: Scheme =
    Scheme::new("modern_treasury", "https://docs.moderntreasury.com/platform/docs/signature-verification")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-signature"]))
        .event_type(&[
            Place::Join { separator: ".", places: &[Place::Header("x-topic"), Place::Json("/event")] },
            Place::Json("/event"),
        ])
        .retries(Retries::documented("https://docs.moderntreasury.com/platform/docs/signature-verification"));

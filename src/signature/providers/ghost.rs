//! Ghost.

use crate::signature::{Encoding, Hash, Part, Retries, Scheme, Signature, Stamp, Unit};

/// Ghost: `X-Ghost-Signature: sha256=…, t=…`, over body and time, the time in milliseconds. The time is signed; there is neither
/// an id nor a type.
///
/// Source: <https://docs.ghost.org/webhooks>
pub static GHOST: Scheme = Scheme::new("ghost", "https://docs.ghost.org/webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-ghost-signature"])
            .fields(&["sha256"])
            .signed(&[Part::Body, Part::Timestamp])
            .stamp(Stamp::field("t").unit(Unit::Millis)),
    )
    .retries(Retries::unchecked("https://docs.ghost.org/webhooks"));

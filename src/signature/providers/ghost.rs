//! Ghost.

use crate::signature::{Encoding, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Unit};

/// Ghost: `X-Ghost-Signature: sha256=…, t=…`, over body and time, the time in milliseconds. The time is signed; there is no
/// id. Newer versions name the type in the body. Ghost repeats nothing.
///
/// Source: <https://docs.ghost.org/webhooks>
pub static GHOST: Scheme = Scheme::new("ghost", "https://docs.ghost.org/webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-ghost-signature"])
            .fields(&["sha256"])
            .signed(&[Part::Body, Part::Timestamp])
            .stamp(Stamp::field("t").unit(Unit::Millis)),
    )
    .event_type(&[Place::Json("/event")])
    .retries(Retries::documented(
        "https://github.com/TryGhost/Ghost/blob/main/ghost/core/core/server/services/webhooks/WebhookTrigger.js",
    ));

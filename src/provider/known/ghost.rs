//! Ghost.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Ghost: the signature in `X-Ghost-Signature: sha256=…, t=…` covers body and time (in milliseconds). The time is signed; there
/// is no id. Newer versions of Ghost have the type in the body. Ghost does not repeat requests.
///
/// Source: <https://docs.ghost.org/webhooks>
pub static GHOST: Scheme = Scheme::new("ghost", "https://docs.ghost.org/webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-ghost-signature"])
            .fields(&["sha256"])
            .signed(&[Part::Body, Part::Timestamp])
            .stamp(Stamp::field("t").millis()),
    )
    .event_type(&[Place::Json("/event")])
    .retries(Retries::documented(
        "https://github.com/TryGhost/Ghost/blob/main/ghost/core/core/server/services/webhooks/WebhookTrigger.js",
    ));

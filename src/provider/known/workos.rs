//! `WorkOS`.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp, Tolerance};

/// `WorkOS`: the signature in `WorkOS-Signature: t=…, v1=…` covers `time.body`, where the time is in milliseconds. The id in the
/// body is signed. `WorkOS` repeats a request for up to three days, and its own libraries reject a time that is older than three
/// minutes, so a repeated request must have a new time.
///
/// Source: <https://workos.com/docs/events/data-syncing/webhooks>
pub static WORKOS: Scheme = Scheme::new("workos", "https://workos.com/docs/events/data-syncing/webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["workos-signature"])
            .fields(&["v1"])
            .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
            .stamp(Stamp::field("t").millis()),
    )
    .tolerance(Tolerance::secs(180, 300))
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/event")])
    .retries(
        Retries::documented("https://github.com/workos/workos-node/blob/main/src/common/crypto/signature-provider.ts")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(72 * 60 * 60)),
    );

//! `WorkOS`.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Unit};

/// `WorkOS`: `WorkOS-Signature: t=…, v1=…`, over `time.body`, the time in milliseconds. `WorkOS` allows three minutes; it repeats a
/// request for up to three days, and whether with a new time is not documented, so the time may be so old. The id in the body is
/// signed.
///
/// Source: <https://workos.com/docs/events/data-syncing/webhooks>
pub static WORKOS: Scheme = Scheme::new("workos", "https://workos.com/docs/events/data-syncing/webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["workos-signature"])
            .fields(&["v1"])
            .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
            .stamp(Stamp::field("t").unit(Unit::Millis)),
    )
    .signed_id(&[Place::Json("/id")])
    .event_type(&[Place::Json("/event")])
    .retries(
        Retries::unchecked("https://workos.com/docs/events/data-syncing/webhooks")
            .same_id(Fact::Yes)
            .span(Duration::from_secs(3 * 24 * 60 * 60)),
    );

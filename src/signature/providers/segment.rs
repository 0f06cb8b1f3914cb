//! Segment.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Hash, Place, Retries, Scheme, Signature};

/// Segment's webhook destination: `X-Signature`, HMAC-SHA1 over the body. The id is signed; no time is judged. With
/// batching, Segment is reported to sign the first event of the array only, which is refused here: turn batching
/// off.
///
/// Source: <https://segment.com/docs/connections/destinations/catalog/webhooks/>
pub static SEGMENT: Scheme =
    Scheme::new("segment", "https://segment.com/docs/connections/destinations/catalog/webhooks/")
        .signature(Signature::hmac(Hash::Sha1, Encoding::Hex, &["x-signature"]))
        .signed_id(&[Place::Json("/messageId")])
        .event_type(&[Place::Json("/type")])
        .retries(
            Retries::documented("https://segment.com/docs/connections/destinations/catalog/webhooks/")
                .same_id(Fact::Yes)
                .span(Duration::from_hours(4)),
        );

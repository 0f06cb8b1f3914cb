//! Segment.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Segment's webhook destination: the signature in `X-Signature` (HMAC-SHA1) covers the body. The id is signed; no time is
/// checked. Switch batching off: there are reports that, with batching, Segment signs only the first event of the array. Such a
/// request is rejected.
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
                .span(Duration::from_secs(4 * 60 * 60)),
        );

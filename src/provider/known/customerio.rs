//! Customer.io.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Customer.io's reporting webhooks: the signature in `X-CIO-Signature` covers `v0:time:body`. Time and id are signed. The type
/// is the metric; the field `object_type` of the body names the object.
///
/// Source: <https://docs.customer.io/journeys/webhooks/>
pub static CUSTOMERIO: Scheme = Scheme::new("customerio", "https://docs.customer.io/journeys/webhooks/")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-cio-signature"])
            .signed(&[Part::Text("v0:"), Part::Timestamp, Part::Text(":"), Part::Body])
            .stamp(Stamp::header("x-cio-timestamp")),
    )
    .signed_id(&[Place::Json("/event_id")])
    .event_type(&[Place::Json("/metric")])
    .retries(
        Retries::documented("https://docs.customer.io/api/webhooks")
            .same_id(Fact::Yes)
            .span(Duration::from_secs(168 * 60 * 60)),
    );

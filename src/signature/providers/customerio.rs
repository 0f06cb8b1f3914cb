//! Customer.io.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Hash, Part, Place, Retries, Scheme, Signature, Stamp};

/// Customer.io's reporting webhooks: `X-CIO-Signature`, over `v0:time:body`. Time and id are signed. The type is
/// the metric; `object_type` stands beside it.
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
        Retries::documented("https://docs.customer.io/api/webhooks").same_id(Fact::Yes).span(Duration::from_hours(168)),
    );

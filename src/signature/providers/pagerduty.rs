//! PagerDuty.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Hash, Identified, Place, Retries, Scheme, Signature};

/// PagerDuty v3: `X-PagerDuty-Signature: v1=…`, several while a key is being replaced, over the body. The id of the
/// header is not signed; the event's own is, so an event is identified by that. No time is judged.
///
/// Source: <https://developer.pagerduty.com/docs/webhook-signatures>
pub static PAGERDUTY: Scheme = Scheme::new("pagerduty", "https://developer.pagerduty.com/docs/webhook-signatures")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-pagerduty-signature"]).fields(&["v1"]))
    .unsigned_id(&[Place::Header("x-webhook-id")])
    .identified_by(Identified::By(Place::Json("/event/id")))
    .event_type(&[Place::Json("/event/event_type")])
    .retries(
        Retries::documented("https://developer.pagerduty.com/docs/webhook-signatures")
            .same_id(Fact::Yes)
            .span(Duration::from_hours(48)),
    );

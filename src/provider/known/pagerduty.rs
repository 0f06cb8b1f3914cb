//! PagerDuty.

use std::time::Duration;

use crate::provider::{Fact, IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// PagerDuty v3: the signature in `X-PagerDuty-Signature: v1=…` covers the body; there are several signatures while a key is
/// being replaced. The id in the header is not signed. The event's own id is signed, so it identifies the event. No time is
/// checked.
///
/// Source: <https://developer.pagerduty.com/docs/webhook-signatures>
pub static PAGERDUTY: Scheme = Scheme::new("pagerduty", "https://developer.pagerduty.com/docs/webhook-signatures")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-pagerduty-signature"]).fields(&["v1"]))
    .unsigned_id(&[Place::Header("x-webhook-id")])
    .identified_by(IdentityRule::By(Place::Json("/event/id")))
    .event_type(&[Place::Json("/event/event_type")])
    .retries(
        Retries::documented("https://developer.pagerduty.com/docs/webhook-signatures")
            .same_id(Fact::Yes)
            .span(Duration::from_secs(48 * 60 * 60)),
    );

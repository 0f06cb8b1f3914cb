//! Webflow.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Unit};

/// Webflow: `x-webflow-signature`, over `time:body`. The secret is the webhook's own, or the OAuth application's client secret;
/// webhooks that were made in the dashboard are not signed. The time is signed; there is no id. Webflow repeats a request
/// at intervals of ten minutes. The time is documented as that of the sending, to be refused after five minutes, so a repeated
/// request has a new one.
///
/// Source: <https://developers.webflow.com/data/docs/working-with-webhooks>
pub static WEBFLOW: Scheme = Scheme::new("webflow", "https://developers.webflow.com/data/docs/working-with-webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-webflow-signature"])
            .signed(&[Part::Timestamp, Part::Text(":"), Part::Body])
            .stamp(Stamp::header("x-webflow-timestamp").unit(Unit::Millis)),
    )
    .event_type(&[Place::Json("/triggerType")])
    .retries(
        Retries::documented("https://developers.webflow.com/data/docs/working-with-webhooks")
            .signed_anew(Fact::Yes)
            .span(Duration::from_mins(30)),
    );

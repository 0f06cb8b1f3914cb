//! Webflow.

use std::time::Duration;

use crate::signature::{Encoding, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Unit};

/// Webflow: `x-webflow-signature`, over `time:body`. The secret is the webhook's own, or the OAuth application's client secret;
/// webhooks that were made in the dashboard are not signed. The time is signed; there is no id. Webflow repeats a request three
/// times, ten minutes apart; whether with a new time is not documented, so it may be half an hour old.
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
        Retries::unchecked("https://developers.webflow.com/data/docs/working-with-webhooks")
            .span(Duration::from_secs(30 * 60)),
    );

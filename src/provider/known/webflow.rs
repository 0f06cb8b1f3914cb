//! Webflow.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Webflow: the signature in `x-webflow-signature` covers `time:body`. The secret is the webhook's own one or the OAuth
/// application's client secret; webhooks that were made in the dashboard are not signed. The time is signed; there is no id.
/// Webflow repeats a request at intervals of ten minutes. Webflow documents that the time is that of the sending and is to be
/// rejected after five minutes, so a repeated request must have a new time.
///
/// Source: <https://developers.webflow.com/data/docs/working-with-webhooks>
pub static WEBFLOW: Scheme = Scheme::new("webflow", "https://developers.webflow.com/data/docs/working-with-webhooks")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-webflow-signature"])
            .signed(&[Part::Timestamp, Part::Text(":"), Part::Body])
            .stamp(Stamp::header("x-webflow-timestamp").millis()),
    )
    .event_type(&[Place::Json("/triggerType")])
    .retries(
        Retries::documented("https://developers.webflow.com/data/docs/working-with-webhooks")
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(30 * 60)),
    );

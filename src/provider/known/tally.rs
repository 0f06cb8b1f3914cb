//! Tally.

use std::time::Duration;

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Tally: the signature in `Tally-Signature` (base64) covers the body. The id in the body is signed; no time is signed. Tally repeats a
/// request that was not answered with 2xx within ten seconds up to five times, from five minutes to a day later.
///
/// Source: <https://tally.so/help/webhooks>
pub static TALLY: Scheme = Scheme::new("tally", "https://tally.so/help/webhooks")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &["tally-signature"]))
    .signed_id(&[Place::Json("/eventId")])
    .event_type(&[Place::Json("/eventType")])
    .retries(
        Retries::documented("https://developers.tally.so/api-reference/endpoint/webhooks/events/retry")
            .span(Duration::from_secs(1_895 * 60)),
    );

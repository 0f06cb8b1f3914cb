//! Dwolla.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Dwolla: the signature in `X-Request-Signature-SHA-256` covers the body. The id in the body is signed; no time is signed. Dwolla
/// repeats a request up to eight times over three days.
///
/// Source: <https://developers.dwolla.com/docs/balance/webhooks/process-validate>
pub static DWOLLA: Scheme =
    Scheme::new("dwolla", "https://developers.dwolla.com/docs/balance/webhooks/process-validate")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-request-signature-sha-256"]))
        .signed_id(&[Place::Json("/id")])
        .event_type(&[Place::Json("/topic")])
        .retries(
            Retries::documented("https://developers.dwolla.com/docs/api-reference/webhook-subscriptions")
                .same_id(Fact::Yes)
                .span(Duration::from_secs(72 * 60 * 60)),
        );

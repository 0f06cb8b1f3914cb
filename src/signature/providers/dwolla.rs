//! Dwolla.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Hash, Place, Retries, Scheme, Signature};

/// Dwolla: `X-Request-Signature-SHA-256`, over the body. No time is signed; the id in the body is. Dwolla repeats a request up to
/// eight times over three days.
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
                .span(Duration::from_hours(72)),
        );

//! Wise.

use std::time::Duration;

use crate::provider::{Retries, Scheme};
use crate::signature::{Algorithm, Encoding, Hash, KeyText, Place, Signature};

/// Wise: the RSA signature with SHA-256 in `X-Signature-SHA256` (base64) covers the body. The secret is the public key that Wise
/// publishes, in PEM or base64; sandbox and production have different keys. Neither a time nor the id of the delivery is signed.
/// Wise repeats a request for two weeks.
///
/// Source: <https://docs.wise.com/guides/developer/webhooks/event-handling>
pub static WISE: Scheme = Scheme::new("wise", "https://docs.wise.com/guides/developer/webhooks/event-handling")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-signature-sha256"])
            .algorithm(Algorithm::Rsa(Hash::Sha256))
            .key(KeyText::Rsa),
    )
    .unsigned_id(&[Place::Header("x-delivery-id")])
    .event_type(&[Place::Json("/event_type")])
    .retries(
        // The waits are 1, 2, 4 .. 1024 minutes, with 14 days after them.
        Retries::documented("https://docs.wise.com/webhooks-notifications").span(Duration::from_secs(371 * 60 * 60)),
    );

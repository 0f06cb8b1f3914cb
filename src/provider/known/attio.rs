//! Attio.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Attio: the signature in `Attio-Signature` covers the body. No time is signed. The `Idempotency-Key` is not signed either; it
/// identifies a request and stays the same when the request is repeated. The type is that of the first event in the request.
///
/// Source: <https://docs.attio.com/rest-api/guides/webhooks>
pub static ATTIO: Scheme = Scheme::new("attio", "https://docs.attio.com/rest-api/guides/webhooks")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["attio-signature"]))
    .unsigned_id(&[Place::Header("idempotency-key")])
    .event_type(&[Place::Json("/events/0/event_type")])
    .retries(
        Retries::documented("https://docs.attio.com/rest-api/guides/webhooks")
            .same_id(Fact::Yes)
            .span(Duration::from_secs(72 * 60 * 60)),
    );

//! Attio.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Hash, Place, Retries, Scheme, Signature};

/// Attio: `Attio-Signature`, over the body. No time is signed, nor is the `Idempotency-Key`, which identifies a request and stays
/// the same when it is repeated. The type is that of the first event in it.
///
/// Source: <https://docs.attio.com/rest-api/guides/webhooks>
pub static ATTIO: Scheme = Scheme::new("attio", "https://docs.attio.com/rest-api/guides/webhooks")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["attio-signature"]))
    .unsigned_id(&[Place::Header("idempotency-key")])
    .event_type(&[Place::Json("/events/0/event_type")])
    .retries(
        Retries::documented("https://docs.attio.com/rest-api/guides/webhooks")
            .same_id(Fact::Yes)
            .span(Duration::from_hours(72)),
    );

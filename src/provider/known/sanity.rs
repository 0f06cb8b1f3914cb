//! Sanity.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// A webhook may use any of these methods.
const METHODS: &[&str] = &["GET", "PUT", "PATCH", "DELETE"];

/// Sanity: the signature in `sanity-webhook-signature: t=…,v1=…` (base64url without padding) covers `t.body`, where the time is
/// in milliseconds. The time is signed and is checked, which Sanity's own library does not do. The id (`idempotency-key`) and the
/// type are not signed.
///
/// Source: <https://www.sanity.io/docs/webhook-best-practices>
pub static SANITY: Scheme = Scheme::new("sanity", "https://www.sanity.io/docs/webhook-best-practices")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Base64Url, &["sanity-webhook-signature"])
            .fields(&["v1"])
            .signed(&[Part::Timestamp, Part::Text("."), Part::Body])
            .stamp(Stamp::field("t").millis()),
    )
    .unsigned_id(&[Place::Header("idempotency-key")])
    .event_type(&[Place::Header("sanity-operation")])
    .event_methods(METHODS)
    .retries(
        Retries::documented("https://www.sanity.io/docs/changelog/50ec6abf-fe0c-475b-ae72-314148860132")
            .same_id(Fact::Yes)
            .span(Duration::from_secs(30 * 60)),
    );

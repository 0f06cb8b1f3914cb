//! `CircleCI`.

use crate::signature::{Encoding, Hash, Place, Retries, Scheme, Signature};

/// `CircleCI`: `circleci-signature: v1=…`, over the body. No time is signed; the id in the body is.
///
/// Source: <https://circleci.com/docs/guides/integration/outbound-webhooks/>
pub static CIRCLECI: Scheme =
    Scheme::new("circleci", "https://circleci.com/docs/guides/integration/outbound-webhooks/")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["circleci-signature"]).fields(&["v1"]))
        .signed_id(&[Place::Json("/id")])
        .event_type(&[Place::Json("/type")])
        .retries(Retries::unchecked("https://circleci.com/docs/guides/integration/outbound-webhooks/"));

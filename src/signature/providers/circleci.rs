//! `CircleCI`.

use crate::signature::{Encoding, Fact, Hash, Place, Retries, Scheme, Signature};

/// `CircleCI`: `circleci-signature: v1=…`, over the body. No time is signed; the id in the body is, and stays the same when a
/// request is repeated.
///
/// Source: <https://circleci.com/docs/guides/integration/outbound-webhooks/>
pub static CIRCLECI: Scheme =
    Scheme::new("circleci", "https://circleci.com/docs/guides/integration/outbound-webhooks/")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["circleci-signature"]).fields(&["v1"]))
        .signed_id(&[Place::Json("/id")])
        .event_type(&[Place::Json("/type")])
        .retries(
            Retries::documented("https://circleci.com/docs/guides/integration/outbound-webhooks/").same_id(Fact::Yes),
        );

//! `CircleCI`.

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// `CircleCI`: the signature in `circleci-signature: v1=…` covers the body. No time is signed. The id in the body is signed and
/// stays the same when a request is repeated.
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

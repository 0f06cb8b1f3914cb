//! Bitbucket.

use crate::provider::{Condition, Handshake, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Bitbucket Cloud and Data Center: the signature in `X-Hub-Signature: sha256=…` covers the body. The id (`X-Request-UUID`) and the type
/// are not signed, and no time is signed. The connection test (`diagnostics:ping`) is not signed and is not an event: it is answered with
/// 200.
///
/// Source: <https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/>
pub static BITBUCKET: Scheme =
    Scheme::new("bitbucket", "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hub-signature"]).any_length().prefix("sha256="))
        .unsigned_id(&[Place::Header("x-request-uuid"), Place::Header("x-request-id")])
        .event_type(&[Place::Header("x-event-key")])
        .handshakes(&[Handshake::unsigned(&[
            Condition::Lacks(Place::Header("x-hub-signature")),
            Condition::Method("POST"),
            Condition::Is(Place::Header("x-event-key"), "diagnostics:ping"),
        ])])
        .retries(Retries::documented("https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/"));

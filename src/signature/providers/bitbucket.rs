//! Bitbucket.

use crate::signature::{Encoding, Handshake, Hash, Place, Retries, Scheme, Signature, When};

/// Bitbucket Cloud and Data Center: `X-Hub-Signature: sha256=…`, over the body. Neither id (`X-Request-UUID`) nor
/// type nor any time is signed. The test of a connection (`diagnostics:ping`) is not signed, and no event: it is answered 200.
///
/// Source: <https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/>
pub static BITBUCKET: Scheme =
    Scheme::new("bitbucket", "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hub-signature"]).any_length().prefix("sha256="))
        .unsigned_id(&[Place::Header("x-request-uuid"), Place::Header("x-request-id")])
        .event_type(&[Place::Header("x-event-key")])
        .handshakes(&[Handshake::unsigned(&[
            When::Lacks(Place::Header("x-hub-signature")),
            When::Method("POST"),
            When::Is(Place::Header("x-event-key"), "diagnostics:ping"),
        ])])
        .retries(Retries::documented("https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/"));

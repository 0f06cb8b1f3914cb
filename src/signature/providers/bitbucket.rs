//! Bitbucket.

use crate::signature::{Encoding, Hash, Place, Retries, Scheme, Signature};

/// Bitbucket Cloud and Data Center: `X-Hub-Signature: sha256=…`, over the body. Neither id (`X-Request-UUID`) nor
/// type nor any time is signed.
///
/// Source: <https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/>
pub static BITBUCKET: Scheme =
    Scheme::new("bitbucket", "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hub-signature"]).any_length().prefix("sha256="))
        .unsigned_id(&[Place::Header("x-request-uuid"), Place::Header("x-request-id")])
        .event_type(&[Place::Header("x-event-key")])
        .retries(Retries::documented("https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/"));

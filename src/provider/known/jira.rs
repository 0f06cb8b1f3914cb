//! Jira.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Algorithm, Encoding, Hash, Place, Signature};

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] = &[("ATATT", "an API token: use the secret of the webhook")];

/// Jira's admin webhooks: the signature in `X-Hub-Signature: sha256=…` covers the body; a signature with another hash method is
/// rejected. Neither id nor time is signed; retries have the same id. Webhooks of Connect and OAuth applications do not have this
/// signature.
///
/// Source: <https://developer.atlassian.com/cloud/jira/platform/webhooks/>
pub static JIRA: Scheme = Scheme::new("jira", "https://developer.atlassian.com/cloud/jira/platform/webhooks/")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-hub-signature"])
            .algorithm(Algorithm::HmacNamed(&[Hash::Sha256])),
    )
    .unsigned_id(&[Place::Header("x-atlassian-webhook-identifier")])
    .event_type(&[Place::Json("/webhookEvent")])
    .not_keys(NOT_KEYS)
    .max_body(25 << 20)
    .retries(
        Retries::documented("https://developer.atlassian.com/cloud/jira/platform/webhooks/")
            .same_id(Fact::Yes)
            .span(Duration::from_secs(30 * 60)),
    );

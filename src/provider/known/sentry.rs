//! Sentry.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] = &[("sntry", "an auth token: use the client secret of the integration")];

/// Sentry's integration platform: the signature in `Sentry-Hook-Signature` covers the body and is made with the integration's
/// client secret. The id (`Request-ID`), the time and the first half of the type are not signed.
///
/// Source: <https://docs.sentry.io/organization/integrations/integration-platform/webhooks/>
pub static SENTRY: Scheme =
    Scheme::new("sentry", "https://docs.sentry.io/organization/integrations/integration-platform/webhooks/")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["sentry-hook-signature"]).any_length())
        .unsigned_id(&[Place::Header("request-id")])
        .event_type(&[
            Place::Join { separator: ".", places: &[Place::Header("sentry-hook-resource"), Place::Json("/action")] },
            Place::Header("sentry-hook-resource"),
        ])
        .not_keys(NOT_KEYS)
        .retries(Retries::documented(
            "https://docs.sentry.io/organization/integrations/integration-platform/webhooks/",
        ));

//! Sentry.

use crate::signature::{Encoding, Hash, Place, Retries, Scheme, Signature};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] = &[("sntry", "an auth token: take the client secret of the integration")];

/// Sentry's integration platform: `Sentry-Hook-Signature`, over the body, by the integration's client secret.
/// Neither id (`Request-ID`) nor time nor the first half of the type is signed.
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

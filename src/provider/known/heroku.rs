//! Heroku.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Heroku: the signature in `Heroku-Webhook-Hmac-SHA256` (base64) covers the body. The id in the body is signed; no time is signed.
///
/// Source: <https://devcenter.heroku.com/articles/app-webhooks>
pub static HEROKU: Scheme = Scheme::new("heroku", "https://devcenter.heroku.com/articles/app-webhooks")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &["heroku-webhook-hmac-sha256"]))
    .signed_id(&[Place::Json("/webhook_metadata/event/id")])
    .event_type(&[Place::Join { separator: ".", places: &[Place::Json("/resource"), Place::Json("/action")] }])
    .retries(Retries::unchecked("https://devcenter.heroku.com/articles/app-webhooks"));

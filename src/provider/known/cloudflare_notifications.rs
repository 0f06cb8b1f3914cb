//! Cloudflare Notifications.

use crate::provider::{IdentityRule, Retries, Scheme};
use crate::signature::{Place, Token};

/// Cloudflare Notifications: `cf-webhook-auth` carries a secret. The secret covers nothing of the request, and there is no id.
/// Cloudflare sends a test when a destination is saved; the test is handled like every other event.
///
/// Source: <https://developers.cloudflare.com/notifications/get-started/configure-webhooks/>
pub static CLOUDFLARE_NOTIFICATIONS: Scheme = Scheme::new(
    "cloudflare_notifications",
    "https://developers.cloudflare.com/notifications/get-started/configure-webhooks/",
)
.token(&[Token::plain(Place::Header("cf-webhook-auth"))])
.event_type(&[Place::Json("/alert_type")])
.identified_by(IdentityRule::First(&[IdentityRule::ByBodyWith(Place::Json("/ts")), IdentityRule::Never]))
.retries(Retries::documented("https://developers.cloudflare.com/notifications/get-started/configure-webhooks/"));

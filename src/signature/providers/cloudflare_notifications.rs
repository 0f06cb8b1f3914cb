//! Cloudflare Notifications.

use crate::signature::{Identified, Place, Retries, Scheme, Token};

/// Cloudflare Notifications: `cf-webhook-auth` carries a secret. Nothing is covered, and there is no id. The test
/// that is sent when a destination is saved is an event like any other.
///
/// Source: <https://developers.cloudflare.com/notifications/get-started/configure-webhooks/>
pub static CLOUDFLARE_NOTIFICATIONS: Scheme = Scheme::new(
    "cloudflare_notifications",
    "https://developers.cloudflare.com/notifications/get-started/configure-webhooks/",
)
.token(&[Token::plain(Place::Header("cf-webhook-auth"))])
.event_type(&[Place::Json("/alert_type")])
.identified_by(Identified::First(&[Identified::ByBodyWith(Place::Json("/ts")), Identified::Never]))
.retries(Retries::documented("https://developers.cloudflare.com/notifications/get-started/configure-webhooks/"));

//! Figma.

use crate::signature::{Place, Scheme, Token};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] = &[("figd_", "a personal access token: take the passcode of the webhook")];

/// Figma: the field `passcode` of the body carries a secret. Nothing is covered, and there is no id. The body that
/// the handler gets holds the passcode: do not log it. Refused requests are answered 400, as Figma asks.
///
/// Source: <https://developers.figma.com/docs/rest-api/webhooks-security/>
pub static FIGMA: Scheme = Scheme::new("figma", "https://developers.figma.com/docs/rest-api/webhooks-security/")
    .token(&[Token::plain(Place::Json("/passcode"))])
    .event_type(&[Place::Json("/event_type")])
    .refused_by(400, "")
    .not_keys(NOT_KEYS);

//! Mailchimp Marketing.

use crate::provider::{Condition, Handshake, IdentityRule, Retries, Scheme};
use crate::signature::{Place, Token};

/// Mailchimp Marketing signs nothing: register a URL with a long random `?secret=…`. Every proxy between Mailchimp and you may write
/// this secret to its access log. The secret covers nothing of the request, and there is no id. The GET request of the registration
/// is answered after its secret was checked.
///
/// Source: <https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/>
pub static MAILCHIMP: Scheme =
    Scheme::new("mailchimp", "https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/")
        .token(&[Token::plain(Place::Query("secret"))])
        .event_type(&[Place::Form("type")])
        .handshakes(&[Handshake::signed(&[Condition::Method("GET")])])
        .identified_by(IdentityRule::First(&[IdentityRule::ByBodyWith(Place::Form("fired_at")), IdentityRule::Never]))
        .retries(Retries::documented("https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/"));

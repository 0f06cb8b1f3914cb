//! Mailchimp Marketing.

use crate::signature::{Handshake, Identified, Place, Retries, Scheme, Token, When};

/// Mailchimp Marketing signs nothing: register a URL with a long random `?secret=…`, which stands in the access log
/// of every proxy on the way. Nothing is covered, and there is no id. The GET of the URL's registration is answered
/// once its secret was checked.
///
/// Source: <https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/>
pub static MAILCHIMP: Scheme =
    Scheme::new("mailchimp", "https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/")
        .token(&[Token::plain(Place::Query("secret"))])
        .event_type(&[Place::Form("type")])
        .handshakes(&[Handshake::signed(&[When::Method("GET")])])
        .identified_by(Identified::First(&[Identified::ByBodyWith(Place::Form("fired_at")), Identified::Never]))
        .retries(Retries::documented("https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/"));

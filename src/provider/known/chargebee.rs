//! Chargebee.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Place, Token};

/// Chargebee: HTTP Basic credentials; the secret is `user:password`. The credentials cover nothing of the request. Chargebee repeats
/// a request that was not answered with 2xx for up to three days, with the same event id.
///
/// Source: <https://www.chargebee.com/docs/billing/2.0/site-configuration/webhook_settings>
pub static CHARGEBEE: Scheme =
    Scheme::new("chargebee", "https://www.chargebee.com/docs/billing/2.0/site-configuration/webhook_settings")
        .token(&[Token::basic()])
        .unsigned_id(&[Place::Json("/id")])
        .event_type(&[Place::Json("/event_type")])
        .retries(
            Retries::unchecked("https://www.chargebee.com/docs/billing/2.0/site-configuration/webhook_settings")
                .same_id(Fact::Yes)
                .span(Duration::from_secs(79 * 60 * 60)),
        );

//! `RevenueCat`.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Place, Token};

/// `RevenueCat`: a token in `Authorization`, exactly the text that is configured in the dashboard (with `Bearer ` if the text begins
/// with it). The token covers nothing of the request. `RevenueCat` repeats a request that was not answered with 200 up to five times,
/// 5, 10, 20, 40 and 80 minutes later, with the same event id.
///
/// Source: <https://www.revenuecat.com/docs/integrations/webhooks>
pub static REVENUECAT: Scheme = Scheme::new("revenuecat", "https://www.revenuecat.com/docs/integrations/webhooks")
    .token(&[Token::plain(Place::Header("authorization"))])
    .unsigned_id(&[Place::Json("/event/id")])
    .event_type(&[Place::Json("/event/type")])
    .retries(
        Retries::documented("https://www.revenuecat.com/docs/integrations/webhooks")
            .same_id(Fact::Yes)
            .span(Duration::from_secs(155 * 60)),
    );

//! Telegram Bot API.

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Place, Token};

/// Telegram's Bot API: `X-Telegram-Bot-Api-Secret-Token` carries the `secret_token` of `setWebhook`. The token covers nothing of the
/// request. The type is the name of the member of the update that is not its id.
///
/// Source: <https://core.telegram.org/bots/api#setwebhook>
pub static TELEGRAM: Scheme = Scheme::new("telegram", "https://core.telegram.org/bots/api#setwebhook")
    .token(&[Token::plain(Place::Header("x-telegram-bot-api-secret-token"))])
    .unsigned_id(&[Place::Json("/update_id")])
    .event_type(&[Place::JsonMember { except: &["update_id"] }])
    .retries(Retries::documented("https://core.telegram.org/bots/api#setwebhook").same_id(Fact::Yes))
    .uses_answer();

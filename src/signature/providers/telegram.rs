//! Telegram Bot API.

use crate::signature::{Fact, Place, Retries, Scheme, Token};

/// Telegram's Bot API: `X-Telegram-Bot-Api-Secret-Token` carries the `secret_token` of `setWebhook`. Nothing is
/// covered. The kind of an update is the name of its other member.
///
/// Source: <https://core.telegram.org/bots/api#setwebhook>
pub static TELEGRAM: Scheme = Scheme::new("telegram", "https://core.telegram.org/bots/api#setwebhook")
    .token(&[Token::plain(Place::Header("x-telegram-bot-api-secret-token"))])
    .unsigned_id(&[Place::Json("/update_id")])
    .event_type(&[Place::JsonMember { except: &["update_id"] }])
    .retries(Retries::documented("https://core.telegram.org/bots/api#setwebhook").same_id(Fact::Yes))
    .uses_answer();

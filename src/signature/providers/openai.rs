//! OpenAI.

use crate::signature::standard;
use crate::signature::{Fact, KeyText, Retries, Scheme};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] = &[("sk-", "an API key: take the webhook's signing secret, which begins with whsec_")];

/// OpenAI: Standard Webhooks. A secret that does not begin with `whsec_` is the key as it stands. The signature
/// needs its `v1,`, whatever OpenAI's own libraries accept. Id and time are signed.
///
/// Source: <https://platform.openai.com/docs/guides/webhooks>
pub static OPENAI: Scheme = standard::dialect("openai", "https://platform.openai.com/docs/guides/webhooks")
    .signature(standard::SIGNATURE.key(KeyText::StandardOrText))
    .not_keys(NOT_KEYS)
    .retries(Retries::documented("https://platform.openai.com/docs/guides/webhooks").same_id(Fact::Yes));

//! GitLab, secret token.

use crate::provider::{Fact, IdentityRule, Retries, Scheme};
use crate::signature::{Place, Token};

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] = &[("glpat-", "a personal access token: use the secret token of the webhook")];

/// GitLab with a secret token: `X-Gitlab-Token` carries the token in plain text. The token covers neither the body nor the id nor a
/// time. Prefer [`GITLAB`](super::GITLAB).
///
/// Source: <https://docs.gitlab.com/user/project/integrations/webhooks/>
pub static GITLAB_TOKEN: Scheme =
    Scheme::new("gitlab_token", "https://docs.gitlab.com/user/project/integrations/webhooks/")
        .token(&[Token::plain(Place::Header("x-gitlab-token"))])
        .unsigned_id(&[Place::Header("idempotency-key"), Place::Header("x-gitlab-event-uuid")])
        .event_type(&[Place::Header("x-gitlab-event")])
        .not_keys(NOT_KEYS)
        .max_body(25 << 20)
        .identified_by(IdentityRule::First(&[
            IdentityRule::By(Place::Header("idempotency-key")),
            IdentityRule::ByBodyWith(Place::Header("x-gitlab-event-uuid")),
            IdentityRule::Never,
        ]))
        .retries(Retries::documented("https://docs.gitlab.com/user/project/integrations/webhooks/").same_id(Fact::Yes));

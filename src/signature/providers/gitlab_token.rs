//! GitLab, secret token.

use crate::signature::{Fact, Identified, Place, Retries, Scheme, Token};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] = &[("glpat-", "a personal access token: take the secret token of the webhook")];

/// GitLab with a secret token: `X-Gitlab-Token` carries it in the clear. Nothing is covered: not the body, not the
/// id, no time. Prefer [`GITLAB`](super::GITLAB).
///
/// Source: <https://docs.gitlab.com/user/project/integrations/webhooks/>
pub static GITLAB_TOKEN: Scheme =
    Scheme::new("gitlab_token", "https://docs.gitlab.com/user/project/integrations/webhooks/")
        .token(&[Token::plain(Place::Header("x-gitlab-token"))])
        .unsigned_id(&[Place::Header("idempotency-key"), Place::Header("x-gitlab-event-uuid")])
        .event_type(&[Place::Header("x-gitlab-event")])
        .not_keys(NOT_KEYS)
        .max_body(25 << 20)
        .identified_by(Identified::First(&[
            Identified::By(Place::Header("idempotency-key")),
            Identified::ByBodyWith(Place::Header("x-gitlab-event-uuid")),
            Identified::Never,
        ]))
        .retries(Retries::documented("https://docs.gitlab.com/user/project/integrations/webhooks/").same_id(Fact::Yes));

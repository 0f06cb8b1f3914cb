//! GitLab, signing token.

use super::standard::dialect;
use crate::provider::{Fact, Retries, Scheme};
use crate::signature::Place;

/// GitLab with a signing token: Standard Webhooks. Id and time are signed; the type (`X-Gitlab-Event`) is not. A request without a
/// signature is rejected even if it has the right `X-Gitlab-Token`; use [`GITLAB_TOKEN`](super::GITLAB_TOKEN) for that.
///
/// Source: <https://docs.gitlab.com/user/project/integrations/webhooks/>
pub static GITLAB: Scheme = dialect("gitlab", "https://docs.gitlab.com/user/project/integrations/webhooks/")
    .event_type(&[Place::Header("x-gitlab-event")])
    .max_body(25 << 20)
    .retries(Retries::documented("https://docs.gitlab.com/user/project/integrations/webhooks/").same_id(Fact::Yes));

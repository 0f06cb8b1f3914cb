//! Figma.

use crate::provider::{IdentityRule, Retries, Scheme};
use crate::signature::{Place, Token};

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] = &[("figd_", "a personal access token: use the passcode of the webhook")];

/// Figma: the field `passcode` of the body carries a secret. The secret covers nothing of the request, and there is no id. The body
/// that the handler gets contains the passcode: do not log it. Rejected requests are answered with 400, as Figma documents.
///
/// Source: <https://developers.figma.com/docs/rest-api/webhooks-security/>
pub static FIGMA: Scheme = Scheme::new("figma", "https://developers.figma.com/docs/rest-api/webhooks-security/")
    .token(&[Token::plain(Place::Json("/passcode"))])
    .event_type(&[Place::Json("/event_type")])
    .rejected_response(400, "")
    .not_keys(NOT_KEYS)
    .identified_by(IdentityRule::First(&[
        IdentityRule::By(Place::Join {
            separator: "|",
            places: &[Place::Json("/webhook_id"), Place::Json("/timestamp"), Place::Json("/comment_id")],
        }),
        IdentityRule::By(Place::Join {
            separator: "|",
            places: &[Place::Json("/webhook_id"), Place::Json("/timestamp"), Place::Json("/version_id")],
        }),
        IdentityRule::By(Place::Join {
            separator: "|",
            places: &[
                Place::Named {
                    at: &Place::Json("/event_type"),
                    names: &[("FILE_UPDATE", "FILE_UPDATE"), ("FILE_DELETE", "FILE_DELETE")],
                },
                Place::Json("/webhook_id"),
                Place::Json("/timestamp"),
                Place::Json("/file_key"),
            ],
        }),
        IdentityRule::ByBodyWith(Place::Json("/timestamp")),
        IdentityRule::Never,
    ]))
    .retries(Retries::documented("https://developers.figma.com/docs/rest-api/webhooks-security/"));

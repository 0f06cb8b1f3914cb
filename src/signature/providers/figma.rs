//! Figma.

use crate::signature::{Identified, Place, Retries, Scheme, Token};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] = &[("figd_", "a personal access token: take the passcode of the webhook")];

/// Figma: the field `passcode` of the body carries a secret. Nothing is covered, and there is no id. The body that
/// the handler gets holds the passcode: do not log it. Refused requests are answered 400, as Figma asks.
///
/// Source: <https://developers.figma.com/docs/rest-api/webhooks-security/>
pub static FIGMA: Scheme = Scheme::new("figma", "https://developers.figma.com/docs/rest-api/webhooks-security/")
    .token(&[Token::plain(Place::Json("/passcode"))])
    .event_type(&[Place::Json("/event_type")])
    .refused_by(400, "")
    .not_keys(NOT_KEYS)
    .identified_by(Identified::First(&[
        Identified::By(Place::Join {
            separator: "|",
            places: &[Place::Json("/webhook_id"), Place::Json("/timestamp"), Place::Json("/comment_id")],
        }),
        Identified::By(Place::Join {
            separator: "|",
            places: &[Place::Json("/webhook_id"), Place::Json("/timestamp"), Place::Json("/version_id")],
        }),
        Identified::By(Place::Join {
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
        Identified::ByBodyWith(Place::Json("/timestamp")),
        Identified::Never,
    ]))
    .retries(Retries::documented("https://developers.figma.com/docs/rest-api/webhooks-security/"));

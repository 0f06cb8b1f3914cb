//! Azure Event Grid.

use std::time::Duration;

use crate::provider::{BatchLayout, BodyPart, Condition, Fact, Handshake, IdentityRule, Retries, Scheme};
use crate::signature::{Place, Token};

/// Azure Event Grid with its own event schema: register a URL with a long random `?code=…`. The code covers nothing of the request.
/// An array holds many events, each with its id. The validation request is answered after its code was checked. For the `CloudEvents`
/// schema use the source for `CloudEvents`.
///
/// Source: <https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema>
pub static AZURE_EVENT_GRID: Scheme = Scheme::new(
    "azure_event_grid",
    "https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema",
)
.token(&[Token::plain(Place::Query("code"))])
.batch(BatchLayout {
    field: None,
    items: &[&[""]],
    id: &[Place::Json("/id")],
    event_type: &[Place::Json("/eventType")],
    identity: IdentityRule::First(&[
        IdentityRule::By(Place::Join { separator: "|", places: &[Place::Json("/topic"), Place::Json("/id")] }),
        IdentityRule::ById,
    ]),
})
.handshakes(&[Handshake::signed(&[Condition::Is(Place::Header("aeg-event-type"), "SubscriptionValidation")]).body(
    "application/json",
    &[
        BodyPart::Text(r#"{"validationResponse":"#),
        BodyPart::Json(Place::Json("/0/data/validationCode")),
        BodyPart::Text("}"),
    ],
)])
.max_body(2 << 20)
.retries(
    Retries::documented("https://learn.microsoft.com/azure/event-grid/delivery-and-retry")
        .same_id(Fact::Yes)
        .span(Duration::from_secs(24 * 60 * 60)),
);

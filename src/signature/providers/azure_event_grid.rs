//! Azure Event Grid.

use std::time::Duration;

use crate::signature::{Batch, Fact, Handshake, Identified, Piece, Place, Retries, Scheme, Token, When};

/// Azure Event Grid with its own event schema: register a URL with a long random `?code=…`. Nothing is covered. An
/// array holds many events, each with its id. The validation is answered once the code was checked. For the
/// CloudEvents schema see the CloudEvents source.
///
/// Source: <https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema>
pub static AZURE_EVENT_GRID: Scheme = Scheme::new(
    "azure_event_grid",
    "https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema",
)
.token(&[Token::plain(Place::Query("code"))])
.batch(Batch {
    field: None,
    items: &[&[""]],
    id: &[Place::Json("/id")],
    event_type: &[Place::Json("/eventType")],
    identity: Identified::First(&[
        Identified::By(Place::Join { separator: "|", places: &[Place::Json("/topic"), Place::Json("/id")] }),
        Identified::ById,
    ]),
})
.handshakes(&[Handshake::signed(&[When::Is(Place::Header("aeg-event-type"), "SubscriptionValidation")]).body(
    "application/json",
    &[Piece::Text(r#"{"validationResponse":"#), Piece::Json(Place::Json("/0/data/validationCode")), Piece::Text("}")],
)])
.max_body(2 << 20)
.retries(
    Retries::documented("https://learn.microsoft.com/azure/event-grid/delivery-and-retry")
        .same_id(Fact::Yes)
        .span(Duration::from_hours(24)),
);

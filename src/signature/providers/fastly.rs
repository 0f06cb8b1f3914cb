//! Fastly log streaming.

use crate::signature::{Handshake, Identified, Piece, Place, Retries, Scheme, Setting, Token, When};

/// Fastly's HTTPS log streaming signs nothing: have it send a header of your own with a secret; the setting
/// `header` names it. Without a secret no log lines are accepted. The challenge is answered with the hash of each
/// service id in the setting `service_ids`.
///
/// Source: <https://www.fastly.com/documentation/guides/integrations/logging-endpoints/>
pub static FASTLY: Scheme =
    Scheme::new("fastly", "https://www.fastly.com/documentation/guides/integrations/logging-endpoints/")
        .token(&[Token::plain(Place::HeaderOf("header"))])
        .optional_key()
        .event_methods(&["PUT"])
        .settings(&[
            Setting::optional("header", "the name of the header that carries the secret").header(),
            Setting::optional("service_ids", "the ids of your services"),
        ])
        .handshakes(&[Handshake::unsigned(&[When::Method("GET"), When::Path("/.well-known/fastly/logging/challenge")])
            .body("text/plain", &[Piece::HashLines("service_ids")])])
        .identified_by(Identified::Never)
        .retries(Retries::documented("https://www.fastly.com/documentation/guides/integrations/logging-endpoints/"));

//! Fastly log streaming.

use crate::provider::{BodyPart, Condition, Handshake, IdentityRule, Retries, Scheme, Setting};
use crate::signature::{Place, Token};

/// Fastly's HTTPS log streaming signs nothing: configure Fastly to send a header with a secret, and name this header in the setting
/// `header`. Without a secret no log lines are accepted. The challenge is answered with the hash of each service id in the setting
/// `service_ids`.
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
        .handshakes(&[Handshake::unsigned(&[
            Condition::Method("GET"),
            Condition::Path("/.well-known/fastly/logging/challenge"),
        ])
        .body("text/plain", &[BodyPart::HashLines("service_ids")])])
        .identified_by(IdentityRule::Never)
        .retries(Retries::documented("https://www.fastly.com/documentation/guides/integrations/logging-endpoints/"));

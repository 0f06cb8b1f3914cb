//! GitHub.

use crate::signature::{Encoding, Grammar, Hash, KeyText, Part, Place, Scheme, Stamp};

/// GitHub: `X-Hub-Signature-256: sha256=…`, over the body. No time and no id are signed, so a captured request can be
/// replayed; dedup looks at the body as well as at `X-GitHub-Delivery`.
///
/// Source: <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
pub static GITHUB: Scheme = Scheme {
    name: "github",
    docs: "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
    key: KeyText::Text,
    hash: Hash::Sha256,
    headers: &["x-hub-signature-256"],
    grammar: Grammar::Plain { prefix: "sha256=" },
    encoding: Encoding::Hex,
    signed: &[Part::Body],
    stamp: Stamp::None,
    id_header: None,
    id: &[Place::Header("x-github-delivery")],
    id_authenticated: false,
    event_type: &[Place::Header("x-github-event")],
    handshake: None,
};

//! Slack.

use crate::signature::{Encoding, Grammar, Handshake, Hash, KeyText, Part, Place, Scheme, Stamp};

/// Slack: `X-Slack-Signature: v0=…`, over `v0:timestamp:body`. Its `url_verification` is signed and is answered with the
/// challenge, after the check.
///
/// Source: <https://docs.slack.dev/authentication/verifying-requests-from-slack>
pub static SLACK: Scheme = Scheme {
    name: "slack",
    docs: "https://docs.slack.dev/authentication/verifying-requests-from-slack",
    key: KeyText::Text,
    hash: Hash::Sha256,
    headers: &["x-slack-signature"],
    grammar: Grammar::Plain { prefix: "v0=" },
    encoding: Encoding::Hex,
    signed: &[Part::Text("v0:"), Part::Timestamp, Part::Text(":"), Part::Body],
    stamp: Stamp::Header("x-slack-request-timestamp"),
    id_header: None,
    id: &[Place::Json("/event_id")],
    id_authenticated: true,
    event_type: &[Place::Json("/event/type"), Place::Json("/type"), Place::Form("command")],
    handshake: Some(Handshake { at: Place::Json("/type"), is: "url_verification", echo: Place::Json("/challenge") }),
};

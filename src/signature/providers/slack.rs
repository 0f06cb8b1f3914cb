//! Slack.

use std::time::Duration;

use crate::signature::{Encoding, Fact, Handshake, Hash, Part, Piece, Place, Retries, Scheme, Signature, Stamp, When};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] = &[
    ("xoxb-", "a bot token: take the signing secret of the app's basic information"),
    ("xoxp-", "a user token: take the signing secret of the app's basic information"),
    ("xapp-", "an app-level token: take the signing secret of the app's basic information"),
];

/// Slack: `X-Slack-Signature: v0=…`, over `v0:timestamp:body`. Its `url_verification` is signed and is answered with the
/// challenge, after the check.
///
/// Source: <https://docs.slack.dev/authentication/verifying-requests-from-slack>
pub static SLACK: Scheme = Scheme::new("slack", "https://docs.slack.dev/authentication/verifying-requests-from-slack")
    .signature(
        Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-slack-signature"])
            .any_length()
            .prefix("v0=")
            .signed(&[Part::Text("v0:"), Part::Timestamp, Part::Text(":"), Part::Body])
            .stamp(Stamp::header("x-slack-request-timestamp")),
    )
    .signed_id(&[Place::Json("/event_id")])
    .event_type(&[Place::Json("/event/type"), Place::Json("/type"), Place::Form("command")])
    .handshakes(&[Handshake::signed(&[When::Is(Place::Json("/type"), "url_verification")])
        .body("text/plain", &[Piece::Echo(Place::Json("/challenge"))])])
    .not_keys(NOT_KEYS)
    .retries(
        Retries::documented("https://docs.slack.dev/authentication/verifying-requests-from-slack")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_mins(6)),
    )
    .uses_answer();

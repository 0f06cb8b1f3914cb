//! Slack.

use std::time::Duration;

use crate::provider::{BodyPart, Condition, Fact, Handshake, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Credentials that are often given instead of the secret by mistake.
const NOT_KEYS: &[(&str, &str)] = &[
    ("xoxb-", "a bot token: use the signing secret of the app's basic information"),
    ("xoxp-", "a user token: use the signing secret of the app's basic information"),
    ("xapp-", "an app-level token: use the signing secret of the app's basic information"),
];

/// Slack: the signature in `X-Slack-Signature: v0=…` covers `v0:timestamp:body`. The `url_verification` request is signed as
/// well; it is answered with its challenge after the signature was checked.
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
    .handshakes(&[Handshake::signed(&[Condition::Is(Place::Json("/type"), "url_verification")])
        .body("text/plain", &[BodyPart::Echo(Place::Json("/challenge"))])])
    .not_keys(NOT_KEYS)
    .retries(
        Retries::documented("https://docs.slack.dev/authentication/verifying-requests-from-slack")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(6 * 60)),
    )
    .uses_answer();

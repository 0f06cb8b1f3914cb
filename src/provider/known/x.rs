//! X (Twitter).

use crate::provider::{BodyPart, Condition, Handshake, IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

const CRC_TOKEN: Place = Place::Query("crc_token");

/// X (Twitter): the signature in `x-twitter-webhooks-signature: sha256=…` (base64) covers the body and is made with the consumer secret.
/// There is neither an id nor a time. X sends a challenge every hour, which is answered with a MAC with the same key. Nobody can have an
/// event signed in this way: only tokens that are not a JSON object are answered, and only JSON objects are accepted as events. All events
/// of X are JSON objects.
///
/// Source: <https://docs.x.com/x-api/webhooks/quickstart>
pub static X: Scheme = Scheme::new("x", "https://docs.x.com/x-api/webhooks/quickstart")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-twitter-webhooks-signature"]).prefix("sha256="))
    .handshakes(&[Handshake::unsigned(&[Condition::Method("GET"), Condition::Has(CRC_TOKEN)]).body(
        "application/json",
        &[
            BodyPart::Text(r#"{"response_token":"sha256="#),
            BodyPart::Mac(CRC_TOKEN, Encoding::Base64),
            BodyPart::Text(r#""}"#),
        ],
    )])
    .identified_by(IdentityRule::First(&[
        IdentityRule::ByBodyWith(Place::Json("/tweet_create_events/0/id_str")),
        IdentityRule::ByBodyWith(Place::Json("/favorite_events/0/id")),
        IdentityRule::ByBodyWith(Place::Json("/follow_events/0/created_timestamp")),
        IdentityRule::ByBodyWith(Place::Json("/block_events/0/created_timestamp")),
        IdentityRule::ByBodyWith(Place::Json("/mute_events/0/created_timestamp")),
        IdentityRule::ByBodyWith(Place::Json("/direct_message_events/0/id")),
        IdentityRule::ByBodyWith(Place::Json("/direct_message_indicate_typing_events/0/created_timestamp")),
        IdentityRule::ByBodyWith(Place::Json("/direct_message_mark_read_events/0/created_timestamp")),
        IdentityRule::ByBodyWith(Place::Json("/tweet_delete_events/0/timestamp_ms")),
        IdentityRule::ByBodyWith(Place::Json("/user_event/revoke/date_time")),
        IdentityRule::ByBodyWith(Place::Json("/data/id")),
        IdentityRule::Never,
    ]))
    .retries(Retries::documented("https://docs.x.com/x-api/webhooks/quickstart"));

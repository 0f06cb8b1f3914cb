//! X (Twitter).

use crate::signature::{Encoding, Handshake, Hash, Identified, Piece, Place, Retries, Scheme, Signature, When};

const CRC_TOKEN: Place = Place::Query("crc_token");

/// X (Twitter): `x-twitter-webhooks-signature: sha256=…`, base64, over the body, by the consumer secret. There is
/// neither id nor time. The challenge of every hour is answered with a MAC under the same key, so that anybody could have a
/// body signed: only tokens that are no JSON object are answered, and only JSON objects, which all events are, are accepted.
///
/// Source: <https://docs.x.com/x-api/webhooks/quickstart>
pub static X: Scheme = Scheme::new("x", "https://docs.x.com/x-api/webhooks/quickstart")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-twitter-webhooks-signature"]).prefix("sha256="))
    .handshakes(&[Handshake::unsigned(&[When::Method("GET"), When::Has(CRC_TOKEN)]).body(
        "application/json",
        &[Piece::Text(r#"{"response_token":"sha256="#), Piece::Mac(CRC_TOKEN, Encoding::Base64), Piece::Text(r#""}"#)],
    )])
    .identified_by(Identified::First(&[
        Identified::ByBodyWith(Place::Json("/tweet_create_events/0/id_str")),
        Identified::ByBodyWith(Place::Json("/favorite_events/0/id")),
        Identified::ByBodyWith(Place::Json("/follow_events/0/created_timestamp")),
        Identified::ByBodyWith(Place::Json("/block_events/0/created_timestamp")),
        Identified::ByBodyWith(Place::Json("/mute_events/0/created_timestamp")),
        Identified::ByBodyWith(Place::Json("/direct_message_events/0/id")),
        Identified::ByBodyWith(Place::Json("/direct_message_indicate_typing_events/0/created_timestamp")),
        Identified::ByBodyWith(Place::Json("/direct_message_mark_read_events/0/created_timestamp")),
        Identified::ByBodyWith(Place::Json("/tweet_delete_events/0/timestamp_ms")),
        Identified::ByBodyWith(Place::Json("/user_event/revoke/date_time")),
        Identified::ByBodyWith(Place::Json("/data/id")),
        Identified::Never,
    ]))
    .retries(Retries::documented("https://docs.x.com/x-api/webhooks/quickstart"));

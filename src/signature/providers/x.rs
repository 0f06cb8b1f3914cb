//! X (Twitter).

use crate::signature::{Encoding, Handshake, Hash, Piece, Place, Scheme, Signature, When};

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
    )]);

//! Dropbox Sign.

use crate::provider::{IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature};

const HASH: Place = Place::Json("/event/event_hash");

/// The parts of the identity: two events of one type in one second have the same hash.
const IDENTITY: IdentityRule = IdentityRule::First(&[
    IdentityRule::By(Place::Join {
        separator: "|",
        places: &[
            HASH,
            Place::Json("/signature_request/signature_request_id"),
            Place::Json("/event/event_metadata/related_signature_id"),
        ],
    }),
    IdentityRule::By(Place::Join {
        separator: "|",
        places: &[HASH, Place::Json("/signature_request/signature_request_id")],
    }),
    IdentityRule::By(Place::Join { separator: "|", places: &[HASH, Place::Json("/template/template_id")] }),
    IdentityRule::Never,
]);

/// Dropbox Sign, formerly `HelloSign`: the body is a multipart form whose field `json` holds the event. `event_hash` is an HMAC of
/// `event_time` and `event_type` with the API key; if there are several keys, with the primary one. **Only the time and the type of the
/// event are covered**: use its ids and get everything else from Dropbox Sign's API. The time is that of the event and is not checked: a
/// repeated request has the same time, and Dropbox Sign does not document for how long it repeats requests. The response to an event is
/// `Hello API Event Received`, which Dropbox Sign requires.
///
/// Source: <https://developers.hellosign.com/docs/events/walkthrough/>
pub static DROPBOX_SIGN: Scheme =
    Scheme::new("dropbox_sign", "https://developers.hellosign.com/docs/events/walkthrough/")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &[])
                .places(&[HASH])
                .signed(&[Part::At(Place::Json("/event/event_time")), Part::At(Place::Json("/event/event_type"))]),
        )
        .identified_by(IDENTITY)
        .event_type(&[Place::Json("/event/event_type")])
        .accepted_response(200, "Hello API Event Received")
        .retries(Retries::documented("https://developers.hellosign.com/docs/events/walkthrough/"));

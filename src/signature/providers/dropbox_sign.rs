//! Dropbox Sign.

use crate::signature::{Encoding, Hash, Identified, Part, Place, Retries, Scheme, Signature, SignatureAt};

const HASH: Place = Place::Json("/event/event_hash");

/// What tells one event from another: two of one type in one second have the same hash.
const IDENTITY: Identified = Identified::First(&[
    Identified::By(Place::Join {
        separator: "|",
        places: &[
            HASH,
            Place::Json("/signature_request/signature_request_id"),
            Place::Json("/event/event_metadata/related_signature_id"),
        ],
    }),
    Identified::By(Place::Join {
        separator: "|",
        places: &[HASH, Place::Json("/signature_request/signature_request_id")],
    }),
    Identified::By(Place::Join { separator: "|", places: &[HASH, Place::Json("/template/template_id")] }),
    Identified::Never,
]);

/// Dropbox Sign, formerly `HelloSign`: the body is a multipart form, whose field `json` holds the event, so the feature `multipart` is
/// needed. `event_hash` is an HMAC of `event_time` and `event_type` by the API key: by the primary one where there are several.
/// **The event is not covered**, but for its time and type: take the ids and ask Dropbox Sign for the rest. The time is that of the event
/// and is not judged, because a repeated request has the same one and nobody documents for how long they come. Events are answered
/// by `Hello API Event Received`, as Dropbox Sign insists.
///
/// Source: <https://developers.hellosign.com/docs/events/walkthrough/>
pub static DROPBOX_SIGN: Scheme =
    Scheme::new("dropbox_sign", "https://developers.hellosign.com/docs/events/walkthrough/")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &[])
                .at(SignatureAt::Places(&[HASH]))
                .signed(&[Part::At(Place::Json("/event/event_time")), Part::At(Place::Json("/event/event_type"))]),
        )
        .identified_by(IDENTITY)
        .event_type(&[Place::Json("/event/event_type")])
        .accepted_by(200, "Hello API Event Received")
        .retries(Retries::documented("https://developers.hellosign.com/docs/events/walkthrough/"));

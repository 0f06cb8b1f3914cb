//! Mercado Pago.

use crate::signature::{Encoding, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Tolerance, Unit};

const DATA_ID: Place = Place::Query("data.id");
const REQUEST_ID: Part =
    Part::Optional(&[Part::Text("request-id:"), Part::At(Place::Header("x-request-id")), Part::Text(";")]);

/// Mercado Pago: `x-signature: ts=…,v1=…`, over `id:…;request-id:…;ts:…;`, where a part that is not in the request is left out.
/// **The body is not covered**: take the id and ask Mercado Pago for the rest. The documentation says that the id is signed in
/// lower case, Mercado Pago's own libraries sign it as it is: both are accepted. The time is signed, in seconds or milliseconds;
/// a repeated request may carry the first one's, and Mercado Pago repeats for about two weeks, so the time may be so old.
///
/// Source: <https://www.mercadopago.com/developers/en/docs/your-integrations/notifications/webhooks>
pub static MERCADO_PAGO: Scheme = Scheme::new(
    "mercado_pago",
    "https://www.mercadopago.com/developers/en/docs/your-integrations/notifications/webhooks",
)
.signature(
    Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-signature"])
        .fields(&["v1"])
        .signed(&[
            Part::Optional(&[Part::Text("id:"), Part::Lower(&Part::At(DATA_ID)), Part::Text(";")]),
            REQUEST_ID,
            Part::Text("ts:"),
            Part::Timestamp,
            Part::Text(";"),
        ])
        .or_signed(&[
            Part::Optional(&[Part::Text("id:"), Part::At(DATA_ID), Part::Text(";")]),
            REQUEST_ID,
            Part::Text("ts:"),
            Part::Timestamp,
            Part::Text(";"),
        ])
        .stamp(Stamp::field("ts").unit(Unit::SecondsOrMillis)),
)
.tolerance(Tolerance::secs(15 * 24 * 60 * 60, 300))
.unsigned_id(&[Place::Json("/id")])
.event_type(&[Place::Json("/action"), Place::Json("/type")])
.retries(Retries::unchecked("https://www.mercadopago.com/developers/en/docs/your-integrations/notifications/webhooks"));

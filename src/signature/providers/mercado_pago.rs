//! Mercado Pago.

use std::time::Duration;

use crate::signature::{Encoding, Hash, Part, Place, Retries, Scheme, Signature, Stamp, Unit};

/// Mercado Pago repeats a notification after 15 and 30 minutes, 6, 48 and 96 hours. Its pages can be read so that each wait begins when
/// the one before it ends.
const SPAN: Duration = Duration::from_mins(15 + 30 + (6 + 48 + 96) * 60);

const DATA_ID: Place = Place::Query("data.id");
const REQUEST_ID: Part =
    Part::Optional(&[Part::Text("request-id:"), Part::At(Place::Header("x-request-id")), Part::Text(";")]);

/// Mercado Pago: `x-signature: ts=…,v1=…`, over `id:…;request-id:…;ts:…;`, where a part that is not in the request is left out.
/// **The body is not covered**: take the id and ask Mercado Pago for the rest. The documentation says that the id is signed in
/// lower case, Mercado Pago's own libraries sign it as it is: both are accepted. The time is signed, in seconds or milliseconds;
/// whether a repeated request has a new one is not documented, so it may be as old as the last of them.
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
.unsigned_id(&[Place::Json("/id")])
.event_type(&[Place::Json("/action"), Place::Json("/type")])
.retries(
    Retries::documented(
        "https://www.mercadopago.com.pe/developers/en/docs/woocommerce/additional-content/notifications/ipn/online-payments/online-url-after-notification",
    )
    .span(SPAN),
);

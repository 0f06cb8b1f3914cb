//! Mercado Pago.

use std::time::Duration;

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Mercado Pago repeats a notification after 15 and 30 minutes, 6, 48 and 96 hours. Its pages can be read in two ways; here the
/// longer reading is used: each wait begins when the wait before it ends.
const SPAN: Duration = Duration::from_secs((15 + 30 + (6 + 48 + 96) * 60) * 60);

const DATA_ID: Place = Place::Query("data.id");
const REQUEST_ID: Part =
    Part::Optional(&[Part::Text("request-id:"), Part::At(Place::Header("x-request-id")), Part::Text(";")]);

/// Mercado Pago: the signature in `x-signature: ts=…,v1=…` covers `id:…;request-id:…;ts:…;`; a part that is not in the request is
/// left out. **The body is not covered**: use the id and get everything else from Mercado Pago's API. The documentation requires
/// the id in lower case, and Mercado Pago's own libraries sign it unchanged; both are accepted. The time is signed, in seconds or
/// milliseconds. Mercado Pago does not document whether a repeated request has a new time, so the time may be as old as the last
/// attempt.
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
        .stamp(Stamp::field("ts").seconds_or_millis()),
)
.unsigned_id(&[Place::Json("/id")])
.event_type(&[Place::Json("/action"), Place::Json("/type")])
.retries(
    Retries::documented(
        "https://www.mercadopago.com.pe/developers/en/docs/woocommerce/additional-content/notifications/ipn/online-payments/online-url-after-notification",
    )
    .span(SPAN),
);

//! Xero.

use std::time::Duration;

use crate::signature::{Batch, Encoding, Hash, Identified, Place, Retries, Scheme, Signature};

/// Xero: `x-xero-signature`, base64, over the body, by the webhook key as text. A request holds many events without
/// ids: an event is identified by resource, time, type, category and tenant, all signed. Xero tries an endpoint with good and bad
/// signatures, and insists on 200 and 401 with empty bodies.
///
/// Source: <https://developer.xero.com/documentation/webhooks/configuring-your-server>
pub static XERO: Scheme =
    Scheme::new("xero", "https://developer.xero.com/documentation/webhooks/configuring-your-server")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-xero-signature"]))
        .batch(Batch {
            field: None,
            items: &[&["/events"]],
            id: &[],
            event_type: &[],
            identity: Identified::First(&[
                Identified::By(Place::Join {
                    separator: "|",
                    places: &[
                        Place::Json("/resourceId"),
                        Place::Json("/eventDateUtc"),
                        Place::Json("/eventType"),
                        Place::Json("/eventCategory"),
                        Place::Json("/tenantId"),
                    ],
                }),
                Identified::By(Place::Join {
                    separator: "|",
                    places: &[Place::Json("/resourceId"), Place::Json("/eventDateUtc"), Place::Json("/eventType")],
                }),
                Identified::Never,
            ]),
        })
        .accepted_by(200, "")
        .refused_by(401, "")
        .retries(
            Retries::documented("https://developer.xero.com/documentation/webhooks/configuring-your-server")
                .span(Duration::from_hours(24)),
        );

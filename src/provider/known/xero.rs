//! Xero.

use std::time::Duration;

use crate::provider::{BatchLayout, IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Xero: the signature in `x-xero-signature` (base64) covers the body and is made with the webhook key as text. A request holds
/// many events without ids: an event is identified by resource, time, type, category and tenant, which are all signed. Xero tests
/// an endpoint with valid and invalid signatures, and requires 200 and 401 with empty bodies.
///
/// Source: <https://developer.xero.com/documentation/webhooks/configuring-your-server>
pub static XERO: Scheme =
    Scheme::new("xero", "https://developer.xero.com/documentation/webhooks/configuring-your-server")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-xero-signature"]))
        .batch(BatchLayout {
            field: None,
            items: &[&["/events"]],
            id: &[],
            event_type: &[],
            identity: IdentityRule::First(&[
                IdentityRule::By(Place::Join {
                    separator: "|",
                    places: &[
                        Place::Json("/resourceId"),
                        Place::Json("/eventDateUtc"),
                        Place::Json("/eventType"),
                        Place::Json("/eventCategory"),
                        Place::Json("/tenantId"),
                    ],
                }),
                IdentityRule::By(Place::Join {
                    separator: "|",
                    places: &[Place::Json("/resourceId"), Place::Json("/eventDateUtc"), Place::Json("/eventType")],
                }),
                IdentityRule::Never,
            ]),
        })
        .accepted_response(200, "")
        .rejected_response(401, "")
        .retries(
            Retries::documented("https://developer.xero.com/documentation/webhooks/configuring-your-server")
                .span(Duration::from_secs(24 * 60 * 60)),
        );

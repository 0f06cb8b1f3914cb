//! HubSpot v3.

use std::time::Duration;

use crate::signature::{
    Batch, Encoding, Fact, Hash, Identified, Part, Place, Retries, Scheme, Setting, Signature, Stamp, Tolerance, Unit,
};

/// The percent-escapes that HubSpot decodes before it signs, and no others.
const DECODED: &[(&str, &str)] = &[
    ("%3A", ":"),
    ("%2F", "/"),
    ("%3F", "?"),
    ("%40", "@"),
    ("%21", "!"),
    ("%24", "$"),
    ("%27", "'"),
    ("%28", "("),
    ("%29", ")"),
    ("%2A", "*"),
    ("%2C", ","),
    ("%3B", ";"),
];

pub(super) const BATCH: Batch = Batch {
    field: None,
    items: &[&[""]],
    id: &[Place::Json("/eventId")],
    event_type: &[Place::Json("/subscriptionType")],
    identity: Identified::First(&[
        Identified::By(Place::Join {
            separator: ":",
            places: &[
                Place::Json("/eventId"),
                Place::Json("/subscriptionId"),
                Place::Json("/objectId"),
                Place::Json("/occurredAt"),
            ],
        }),
        Identified::By(Place::Join {
            separator: ":",
            places: &[
                Place::Json("/eventId"),
                Place::Json("/subscriptionId"),
                Place::Json("/fromObjectId"),
                Place::Json("/toObjectId"),
                Place::Json("/occurredAt"),
            ],
        }),
        Identified::By(Place::Join {
            separator: ":",
            places: &[Place::Json("/eventId"), Place::Json("/subscriptionId"), Place::Json("/occurredAt")],
        }),
        Identified::ByContent,
    ]),
};

/// What is often taken for the secret.
const NOT_KEYS: &[(&str, &str)] = &[("pat-", "an access token: take the client secret of the app")];

/// HubSpot v3: `X-HubSpot-Signature-v3`, base64, over method, URL, body and time (milliseconds). The setting `url`
/// is the URL as HubSpot has it. Where this source is configured, the signatures of older versions, which come with
/// the same request, are not looked at. A request holds up to 100 events. Their `eventId` need not be unique, so
/// an event is identified by it together with subscription, object and time.
///
/// Source: <https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation>
pub static HUBSPOT: Scheme = Scheme::new(
    "hubspot",
    "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation",
)
.signature(
    Signature::hmac(Hash::Sha256, Encoding::Base64, &["x-hubspot-signature-v3"])
        .any_length()
        .signed(&[Part::Method, Part::UrlDecoded("url", DECODED), Part::Body, Part::Timestamp])
        .stamp(Stamp::header("x-hubspot-request-timestamp").unit(Unit::Millis)),
)
.settings(&[Setting::required("url", "the URL as HubSpot has it, or its origin").url()])
.event_methods(&["GET"])
.batch(BATCH)
.signed_ids()
.not_keys(NOT_KEYS)
.retries(
    Retries::documented("https://developers.hubspot.com/docs/api/webhooks")
        .same_id(Fact::Yes)
        .span(Duration::from_hours(24)),
)
.tolerance(Tolerance::DEFAULT);

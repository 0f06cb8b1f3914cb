//! HubSpot v3.

use std::time::Duration;

use crate::provider::{BatchLayout, Fact, IdentityRule, Retries, Scheme, Setting};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp, Tolerance};

/// The percent-escapes that HubSpot decodes before it signs. It decodes no others.
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

pub(super) const BATCH: BatchLayout = BatchLayout {
    field: None,
    items: &[&[""]],
    id: &[Place::Json("/eventId")],
    event_type: &[Place::Json("/subscriptionType")],
    identity: IdentityRule::First(&[
        IdentityRule::By(Place::Join {
            separator: ":",
            places: &[
                Place::Json("/eventId"),
                Place::Json("/subscriptionId"),
                Place::Json("/objectId"),
                Place::Json("/occurredAt"),
            ],
        }),
        IdentityRule::By(Place::Join {
            separator: ":",
            places: &[
                Place::Json("/eventId"),
                Place::Json("/subscriptionId"),
                Place::Json("/fromObjectId"),
                Place::Json("/toObjectId"),
                Place::Json("/occurredAt"),
            ],
        }),
        IdentityRule::By(Place::Join {
            separator: ":",
            places: &[Place::Json("/eventId"), Place::Json("/subscriptionId"), Place::Json("/occurredAt")],
        }),
        IdentityRule::ByContent,
    ]),
};

/// Credentials that are often given instead of the secret by mistake.
pub(super) const NOT_KEYS: &[(&str, &str)] = &[("pat-", "an access token: use the client secret of the app")];

pub(super) const RETRIES: Retries = Retries::documented("https://developers.hubspot.com/docs/api/webhooks")
    .same_id(Fact::Yes)
    .span(Duration::from_secs(24 * 60 * 60));

/// HubSpot v3: the signature in `X-HubSpot-Signature-v3` (base64) covers method, URL, body and time (milliseconds). The setting
/// `url` is the URL as it is registered at HubSpot. A request also carries signatures of older versions, which this source
/// ignores. A request holds up to 100 events. Their `eventId` need not be unique, so an event is identified by its `eventId`
/// together with subscription, object and time.
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
        .stamp(Stamp::header("x-hubspot-request-timestamp").millis()),
)
.settings(&[Setting::required("url", "the URL as registered at HubSpot, or its origin").url()])
.event_methods(&["GET"])
.batch(BATCH)
.signed_ids()
.not_keys(NOT_KEYS)
.retries(RETRIES)
.tolerance(Tolerance::DEFAULT);

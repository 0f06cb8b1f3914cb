//! DocuSign Connect.

use crate::provider::{IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

const HEADERS: &[&str] = &[
    "x-docusign-signature-1",
    "x-docusign-signature-2",
    "x-docusign-signature-3",
    "x-docusign-signature-4",
    "x-docusign-signature-5",
    "x-docusign-signature-6",
    "x-docusign-signature-7",
    "x-docusign-signature-8",
    "x-docusign-signature-9",
    "x-docusign-signature-10",
    "x-docusign-signature-11",
    "x-docusign-signature-12",
    "x-docusign-signature-13",
    "x-docusign-signature-14",
    "x-docusign-signature-15",
    "x-docusign-signature-16",
];

/// DocuSign Connect: the signatures in `X-DocuSign-Signature-1`, `-2` and so on (base64), one for each active key, cover the
/// body. The first 16 are checked, and one valid signature is enough. There is no id: an event is identified by configuration,
/// envelope, recipient, type and time, which are all signed.
///
/// Source: <https://developers.docusign.com/platform/webhooks/connect/validate/>
pub static DOCUSIGN: Scheme =
    Scheme::new("docusign", "https://developers.docusign.com/platform/webhooks/connect/validate/")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &[]).any_header(HEADERS))
        .event_type(&[Place::Json("/event")])
        .identified_by(IdentityRule::First(&[
            IdentityRule::By(Place::Join {
                separator: "|",
                places: &[
                    Place::Json("/configurationId"),
                    Place::Json("/data/envelopeId"),
                    Place::Json("/event"),
                    Place::Json("/generatedDateTime"),
                    Place::Json("/data/recipientId"),
                ],
            }),
            IdentityRule::By(Place::Join {
                separator: "|",
                places: &[
                    Place::Json("/configurationId"),
                    Place::Json("/data/envelopeId"),
                    Place::Json("/event"),
                    Place::Json("/generatedDateTime"),
                ],
            }),
            IdentityRule::By(Place::Join {
                separator: "|",
                places: &[
                    Place::Json("/data/envelopeId"),
                    Place::Json("/event"),
                    Place::Json("/generatedDateTime"),
                    Place::Json("/data/recipientId"),
                ],
            }),
            IdentityRule::By(Place::Join {
                separator: "|",
                places: &[Place::Json("/data/envelopeId"), Place::Json("/event"), Place::Json("/generatedDateTime")],
            }),
            IdentityRule::Never,
        ]))
        .retries(Retries::documented("https://developers.docusign.com/platform/webhooks/connect/validate/"));

//! DocuSign Connect.

use crate::signature::{Encoding, Hash, Identified, Place, Retries, Scheme, Signature, SignatureAt};

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

/// DocuSign Connect: `X-DocuSign-Signature-1` and on, one for each active key, base64, over the body; the first 16
/// are looked at, and one good one is enough. There is no id: an event is identified by configuration, envelope, recipient, type and time,
/// all signed.
///
/// Source: <https://developers.docusign.com/platform/webhooks/connect/validate/>
pub static DOCUSIGN: Scheme =
    Scheme::new("docusign", "https://developers.docusign.com/platform/webhooks/connect/validate/")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Base64, &[]).at(SignatureAt::Headers(HEADERS)))
        .event_type(&[Place::Json("/event")])
        .identified_by(Identified::First(&[
            Identified::By(Place::Join {
                separator: "|",
                places: &[
                    Place::Json("/configurationId"),
                    Place::Json("/data/envelopeId"),
                    Place::Json("/event"),
                    Place::Json("/generatedDateTime"),
                    Place::Json("/data/recipientId"),
                ],
            }),
            Identified::By(Place::Join {
                separator: "|",
                places: &[
                    Place::Json("/configurationId"),
                    Place::Json("/data/envelopeId"),
                    Place::Json("/event"),
                    Place::Json("/generatedDateTime"),
                ],
            }),
            Identified::By(Place::Join {
                separator: "|",
                places: &[
                    Place::Json("/data/envelopeId"),
                    Place::Json("/event"),
                    Place::Json("/generatedDateTime"),
                    Place::Json("/data/recipientId"),
                ],
            }),
            Identified::By(Place::Join {
                separator: "|",
                places: &[Place::Json("/data/envelopeId"), Place::Json("/event"), Place::Json("/generatedDateTime")],
            }),
            Identified::Never,
        ]))
        .retries(Retries::documented("https://developers.docusign.com/platform/webhooks/connect/validate/"));

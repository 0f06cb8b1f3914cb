//! Mailgun inbound routes.

use std::time::Duration;

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Mailgun's inbound routes and legacy webhooks: the same as [`MAILGUN`](super::MAILGUN), in fields of a urlencoded form. **The
/// message is not covered.** The token is the id. Multipart forms are not read.
///
/// Source: <https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/>
pub static MAILGUN_ROUTE: Scheme =
    Scheme::new("mailgun_route", "https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &[])
                .any_length()
                .places(&[Place::Form("signature")])
                .signed(&[Part::Timestamp, Part::At(Place::Form("token"))])
                .stamp(Stamp::at(Place::Form("timestamp"))),
        )
        .signed_id(&[Place::Form("token")])
        .max_body(32 << 20)
        .retries(
            Retries::documented("https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/")
                .same_id(Fact::Yes)
                .span(Duration::from_secs(8 * 60 * 60)),
        )
        .rejected_response(406, "");

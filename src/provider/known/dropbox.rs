//! Dropbox.

use std::time::Duration;

use crate::provider::{BodyPart, Condition, Handshake, IdentityRule, Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

const CHALLENGE: Place = Place::Query("challenge");

/// Dropbox: the signature in `X-Dropbox-Signature` covers the body and is made with the app's secret. There is neither an id nor
/// a type nor a time: a request only lists the accounts that have changed. Equal requests announce new changes, so every request
/// is handled.
///
/// Source: <https://www.dropbox.com/developers/reference/webhooks>
pub static DROPBOX: Scheme = Scheme::new("dropbox", "https://www.dropbox.com/developers/reference/webhooks")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-dropbox-signature"]))
    .handshakes(&[Handshake::unsigned(&[Condition::Method("GET"), Condition::Has(CHALLENGE)])
        .body("text/plain", &[BodyPart::Echo(CHALLENGE)])])
    .identified_by(IdentityRule::Never)
    .retries(
        Retries::documented("https://www.dropbox.com/developers/reference/webhooks").span(Duration::from_secs(10 * 60)),
    );

//! Dropbox.

use std::time::Duration;

use crate::signature::{Encoding, Handshake, Hash, Identified, Piece, Place, Retries, Scheme, Signature, When};

const CHALLENGE: Place = Place::Query("challenge");

/// Dropbox: `X-Dropbox-Signature`, over the body, by the app's secret. There is neither id nor type nor time: a
/// request says which accounts have changed, so every request is handled: equal requests mean new changes.
///
/// Source: <https://www.dropbox.com/developers/reference/webhooks>
pub static DROPBOX: Scheme = Scheme::new("dropbox", "https://www.dropbox.com/developers/reference/webhooks")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-dropbox-signature"]))
    .handshakes(&[
        Handshake::unsigned(&[When::Method("GET"), When::Has(CHALLENGE)]).body("text/plain", &[Piece::Echo(CHALLENGE)])
    ])
    .identified_by(Identified::Never)
    .retries(
        Retries::documented("https://www.dropbox.com/developers/reference/webhooks").span(Duration::from_mins(10)),
    );

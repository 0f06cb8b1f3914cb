//! Dropbox.

use crate::signature::{Encoding, Handshake, Hash, Identified, Piece, Place, Scheme, Signature, When};

const CHALLENGE: Place = Place::Query("challenge");

/// Dropbox: `X-Dropbox-Signature`, over the body, by the app's secret. There is neither id nor type nor time: a
/// request says which accounts have changed, so nothing is taken for a repetition: equal requests mean new changes.
///
/// Source: <https://www.dropbox.com/developers/reference/webhooks>
pub static DROPBOX: Scheme = Scheme::new("dropbox", "https://www.dropbox.com/developers/reference/webhooks")
    .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-dropbox-signature"]))
    .identified_by(Identified::Never)
    .handshakes(&[
        Handshake::unsigned(&[When::Method("GET"), When::Has(CHALLENGE)]).body("text/plain", &[Piece::Echo(CHALLENGE)])
    ]);

//! Quicknode Streams.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Quicknode Streams: the signature in `x-qn-signature` covers nonce, time and body and is made with the stream's security token.
/// With compression, the uncompressed body is signed. The time is signed; there is neither an id nor a type.
///
/// Source: <https://www.quicknode.com/guides/quicknode-products/streams/validating-incoming-streams-webhook-messages>
pub static QUICKNODE: Scheme = Scheme::new(
    "quicknode",
    "https://www.quicknode.com/guides/quicknode-products/streams/validating-incoming-streams-webhook-messages",
)
.signature(
    Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-qn-signature"])
        .signed(&[Part::At(Place::Header("x-qn-nonce")), Part::Timestamp, Part::Body])
        .stamp(Stamp::header("x-qn-timestamp")),
)
.retries(Retries::documented(
    "https://www.quicknode.com/guides/quicknode-products/streams/validating-incoming-streams-webhook-messages",
));

//! Cloudinary, for accounts that sign by SHA-256.

use crate::provider::{Retries, Scheme};
use crate::signature::{Algorithm, Encoding, Hash, Part, Place, Signature, Stamp, Tolerance};

/// Cloudinary, for an account that signs with SHA-256: `X-Cld-Signature`, the SHA-256 of body, time and API secret. The time is
/// signed and may be two hours old.
///
/// Source: <https://cloudinary.com/documentation/notification_signatures>
pub static CLOUDINARY_SHA256: Scheme =
    Scheme::new("cloudinary_sha256", "https://cloudinary.com/documentation/notification_signatures")
        .signature(
            Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-cld-signature"])
                .algorithm(Algorithm::Digest(Hash::Sha256))
                .signed(&[Part::Body, Part::Timestamp, Part::Secret])
                .stamp(Stamp::header("x-cld-timestamp")),
        )
        .tolerance(Tolerance::secs(2 * 60 * 60, 300))
        .event_type(&[Place::Json("/notification_type")])
        .retries(Retries::documented("https://github.com/cloudinary/cloudinary_npm/blob/master/lib/utils/index.js"));

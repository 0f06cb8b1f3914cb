//! The only table from the verdicts of the vectors to our kinds of error.

use hookwire::receiver::{Accepted, Rejection, RejectionKind};
use hookwire::signature::VerifyError;

/// The words for which this is the right answer.
pub fn words(outcome: &Result<Accepted, Rejection>) -> &'static [&'static str] {
    match outcome {
        Ok(Accepted::Event(_) | Accepted::Batch(_)) => &["ok", "unsigned_fetch_required"],
        // The first file has no word of its own for a handshake.
        Ok(Accepted::Handshake(_)) => &["handshake", "ok"],
        Ok(_) => &[],
        Err(rejection) => match rejection.kind() {
            RejectionKind::Unverified(error) => rejections(error),
            _ => &[],
        },
    }
}

fn rejections(error: VerifyError) -> &'static [&'static str] {
    match error {
        VerifyError::Missing(_) => &["missing_header", "missing_signature"],
        VerifyError::Malformed(_) => &["malformed_header", "malformed_signature", "malformed_body"],
        VerifyError::UnsupportedAlgorithm => &["unsupported_algorithm", "malformed_header"],
        VerifyError::BadSignature => &["bad_signature"],
        VerifyError::OutOfTolerance { .. } => &["timestamp_out_of_tolerance"],
        VerifyError::BadToken => &["bad_token"],
        VerifyError::BodyMismatch => &["body_hash_mismatch", "qsh_mismatch", "bad_signature"],
        VerifyError::NotCovered(_) => &["not_covered"],
        VerifyError::UntrustedUrl => &["untrusted_key_url"],
        VerifyError::UntrustedKey => &["untrusted_key"],
        VerifyError::UnknownKey => &["unknown_key"],
        VerifyError::WrongAudience => &["wrong_audience"],
        VerifyError::WrongIssuer => &["wrong_issuer"],
        VerifyError::Expired => &["expired_token"],
        VerifyError::UntrustedSender => &["untrusted_sender"],
        VerifyError::HandshakeRejected { .. } => &["handshake_refused", "bad_token"],
        _ => &[],
    }
}

//! Other schemes: the scheme with one change, and the schemes of other providers.

use super::case::{Case, Try};
use super::cause::Cause;
use super::diagnosis::Diagnosis;
use super::secrets;
use crate::provider::scheme::{Proof, Scheme};
use crate::secret::Keyring;
use crate::signature::stamp::{StampAt, Unit};
use crate::signature::{Algorithm, Encoding, Grammar, Hash, Part, Signature};

const ENCODINGS: [Encoding; 5] =
    [Encoding::Hex, Encoding::Base64, Encoding::Base64Unpadded, Encoding::Base64Url, Encoding::Base64UrlPadded];

const UNITS: [Unit; 6] = [Unit::Millis, Unit::Seconds, Unit::Micros, Unit::FloatSeconds, Unit::Rfc3339, Unit::HttpDate];

const HASHES: [Hash; 4] = [Hash::Sha256, Hash::Sha1, Hash::Sha512, Hash::Md5];

/// The contents that senders usually sign, with a time and with an id.
const CONTENTS: [&[Part]; 8] = [
    &[Part::Body],
    &[Part::Timestamp, Part::Text("."), Part::Body],
    &[Part::Timestamp, Part::Body],
    &[Part::Timestamp, Part::Text(":"), Part::Body],
    &[Part::Body, Part::Timestamp],
    &[Part::Text("v0:"), Part::Timestamp, Part::Text(":"), Part::Body],
    &[Part::Id, Part::Text("."), Part::Timestamp, Part::Text("."), Part::Body],
    &[Part::Id, Part::Timestamp, Part::Body],
];

pub(super) fn search(case: &Case<'_>) -> Option<Diagnosis> {
    changed(case).or_else(|| others(case))
}

fn changed(case: &Case<'_>) -> Option<Diagnosis> {
    let signature = case.signature()?;
    let mut all: Vec<(Cause, Signature)> = Vec::new();
    if signature.stamp.at != StampAt::Nowhere {
        let stamp = |unit| Signature { stamp: signature.stamp.unit(unit), ..signature };
        all.extend(UNITS.map(|unit| (Cause::TimestampUnit, stamp(unit))));
    }
    let plain = |prefix| Signature { grammar: Grammar::Plain { prefix, optional: true }, ..signature };
    if matches!(signature.grammar, Grammar::Plain { .. } | Grammar::Versioned) {
        all.extend(["", "sha256=", "sha1=", "v1=", "v1,", "t="].map(|prefix| (Cause::HeaderPrefix, plain(prefix))));
    }
    for encoding in ENCODINGS {
        all.push((Cause::HeaderEncoding, Signature { encoding, ..signature }));
        all.push((Cause::HeaderEncoding, Signature { encoding, ..plain("") }));
    }
    if let Algorithm::Hmac(_) = signature.algorithm {
        let hashed = |hash| Signature { algorithm: Algorithm::Hmac(hash), any_length: true, ..signature };
        all.extend(HASHES.map(|hash| (Cause::Algorithm, hashed(hash))));
        for encoding in ENCODINGS {
            all.extend(HASHES.map(|hash| (Cause::Algorithm, Signature { encoding, ..hashed(hash) })));
        }
        all.extend(contents(&signature).map(|signed| (Cause::SignedContent, Signature { signed, ..signature })));
    }
    all.into_iter().find(|(_, other)| is_by(case, case.trust.keys, *other)).map(|(cause, _)| Diagnosis::proved(cause))
}

/// The contents that may have been signed instead. They contain a time or an id only if the signature has one.
fn contents(signature: &Signature) -> impl Iterator<Item = &'static [Part]> {
    let (timed, named) = (signature.stamp.at != StampAt::Nowhere, signature.id_header.is_some());
    let needs = |signed: &[Part], part| signed.contains(&part);
    CONTENTS
        .into_iter()
        .filter(move |signed| (timed || !needs(signed, Part::Timestamp)) && (named || !needs(signed, Part::Id)))
}

fn is_by(case: &Case<'_>, keys: &Keyring, signature: Signature) -> bool {
    let scheme = Scheme { proof: Proof::Signature(Signature { otherwise: None, ..signature }), ..case.scheme.clone() };
    case.fits(Try { scheme: Some(&scheme), keys: Some(keys), ..Try::default() })
}

/// Tries the schemes of other providers, each with the secret as this provider reads it.
fn others(case: &Case<'_>) -> Option<Diagnosis> {
    let keys: Vec<_> = secrets::keyrings(case);
    Scheme::all()
        .filter(|other| other.name() != case.scheme.name() && other.requires_key() && other.proves_origin())
        .find_map(|other| {
            let own = case.secrets.iter().filter_map(|text| other.key(text).ok()).map(Keyring::new);
            let all = own.chain([case.trust.keys.clone()]);
            let is_it = |keys: &Keyring| case.fits(Try { scheme: Some(other), keys: Some(keys), ..Try::default() });
            let shows = super::headers::has_signature_of(other, case.received.headers);
            let read_otherwise = || shows && keys.iter().any(|(_, keys)| is_it(keys));
            let found = all.into_iter().any(|keys| is_it(&keys)) || read_otherwise();
            found.then(|| Diagnosis::proved(Cause::OtherScheme(other.name())))
        })
}

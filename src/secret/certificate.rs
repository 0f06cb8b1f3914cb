//! Reads certificates and public keys (the structure of RFC 5280). It does not check signatures; `webpki` does.

use std::ops::RangeInclusive;

use super::der::{BIT_STRING, BOOLEAN, GENERALIZED_TIME, OCTET_STRING, Reader, SEQUENCE, SET, UTC_TIME, Value, bits};
use crate::clock::calendar::{Civil, digits};

/// `id-at-commonName`, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// The longest serial number: 20 bytes, and a leading zero that makes it positive.
const MAX_SERIAL: usize = 21;

/// The fields of a certificate that are used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The period of validity, in seconds since the Unix epoch.
    pub(crate) validity: RangeInclusive<i64>,
    /// The common names of its subject. Names that are not UTF-8 are left out.
    pub(crate) common_names: Vec<String>,
    /// Its `SubjectPublicKeyInfo` in DER.
    pub(crate) spki: Vec<u8>,
    /// The object identifiers of its extensions, without tag and length.
    pub(crate) extensions: Vec<Vec<u8>>,
}

impl Certificate {
    /// Reads DER. Every field must be valid, also the unused fields.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        let mut outside = Reader::new(der);
        let mut certificate = outside.inside(SEQUENCE)?;
        outside.end()?;
        let mut body = certificate.inside(SEQUENCE)?;
        algorithm(&mut certificate)?;
        bits(certificate.take(BIT_STRING)?.content)?;
        certificate.end()?;

        version_and_serial(&mut body)?;
        algorithm(&mut body)?;
        names(&mut body)?; // the issuer
        let validity = validity(&mut body)?;
        let common_names = names(&mut body)?;
        let spki = body.take(SEQUENCE)?.whole;
        PublicKey::from_spki(spki)?;
        unique_identifiers(&mut body)?;
        let extensions = body.optional(0xa3)?.map_or(Some(Vec::new()), extensions)?;
        body.end()?;
        Some(Self { validity, common_names, spki: spki.to_vec(), extensions })
    }
}

/// The content of a `SubjectPublicKeyInfo` in DER.
pub(super) struct PublicKey<'a> {
    /// The object identifier of the algorithm, without tag and length.
    pub(super) algorithm: &'a [u8],
    key: (&'a [u8], u8),
}

impl<'a> PublicKey<'a> {
    pub(super) fn from_spki(der: &'a [u8]) -> Option<Self> {
        let mut outside = Reader::new(der);
        let mut info = outside.inside(SEQUENCE)?;
        outside.end()?;
        let algorithm = algorithm(&mut info)?;
        let key = bits(info.take(BIT_STRING)?.content)?;
        info.end()?;
        Some(Self { algorithm, key })
    }

    /// Returns the key, if it consists of whole bytes.
    pub(super) fn bytes(&self) -> Option<&'a [u8]> {
        (self.key.1 == 0).then_some(self.key.0)
    }
}

fn version_and_serial(from: &mut Reader<'_>) -> Option<()> {
    if let Some(version) = from.optional(0xa0)? {
        let mut version = Reader::new(version.content);
        if !matches!(version.integer()?, [0..=2]) {
            return None;
        }
        version.end()?;
    }
    (from.integer()?.len() <= MAX_SERIAL).then_some(())
}

/// Skips the unique identifiers of issuer and subject.
fn unique_identifiers(from: &mut Reader<'_>) -> Option<()> {
    for tag in [0x81, 0x82] {
        if let Some(identifier) = from.optional(tag)? {
            bits(identifier.content)?;
        }
    }
    Some(())
}

/// Reads an `AlgorithmIdentifier` and returns its object identifier. The parameters are not checked.
fn algorithm<'a>(from: &mut Reader<'a>) -> Option<&'a [u8]> {
    let mut fields = from.inside(SEQUENCE)?;
    let identifier = fields.identifier()?;
    if !fields.is_empty() {
        fields.any()?;
    }
    fields.end()?;
    Some(identifier)
}

/// Reads a `Name` and returns its common names.
fn names(from: &mut Reader<'_>) -> Option<Vec<String>> {
    let mut sets = from.inside(SEQUENCE)?;
    let mut found = Vec::new();
    while !sets.is_empty() {
        let mut set = sets.inside(SET)?;
        let mut attributes = Vec::new();
        while !set.is_empty() {
            let attribute = set.take(SEQUENCE)?;
            attributes.push(attribute.whole);
            let mut fields = Reader::new(attribute.content);
            let (identifier, value) = (fields.identifier()?, fields.any()?.content);
            fields.end()?;
            if identifier == COMMON_NAME {
                found.extend(std::str::from_utf8(value).map(ToOwned::to_owned));
            }
        }
        // A set contains each element once.
        attributes.sort_unstable();
        if attributes.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            return None;
        }
    }
    Some(found)
}

fn validity(from: &mut Reader<'_>) -> Option<RangeInclusive<i64>> {
    let mut times = from.inside(SEQUENCE)?;
    let validity = time(&mut times)?..=time(&mut times)?;
    times.end()?;
    Some(validity)
}

/// Reads a `Time`: `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`, not before 1970. Returns seconds since the Unix epoch.
fn time(from: &mut Reader<'_>) -> Option<i64> {
    let text = |value: Value<'_>| std::str::from_utf8(value.content).ok().map(ToOwned::to_owned);
    let (year, rest) = match from.optional(UTC_TIME)? {
        Some(short) => {
            let text = text(short)?;
            let (year, rest) = text.split_at_checked(2)?;
            let year = digits(year, 2)?;
            (year + if year < 50 { 2_000 } else { 1_900 }, rest.to_owned())
        }
        None => {
            let text = text(from.take(GENERALIZED_TIME)?)?;
            let (year, rest) = text.split_at_checked(4)?;
            (digits(year, 4)?, rest.to_owned())
        }
    };
    let rest = rest.strip_suffix('Z').filter(|rest| rest.len() == 10)?;
    let part = |place: usize| digits(rest.get(place..place + 2)?, 2);
    let [month, day, hour, minute, second] = [part(0)?, part(2)?, part(4)?, part(6)?, part(8)?];
    Civil { year, month, day, hour, minute, second }.to_unix().filter(|seconds| *seconds >= 0)
}

/// Returns the identifiers in `Extensions`.
fn extensions(field: Value<'_>) -> Option<Vec<Vec<u8>>> {
    let mut outside = Reader::new(field.content);
    let mut all = outside.inside(SEQUENCE)?;
    outside.end()?;
    let mut found = Vec::new();
    while !all.is_empty() {
        let mut extension = all.inside(SEQUENCE)?;
        found.push(extension.identifier()?.to_vec());
        let critical = extension.optional(BOOLEAN)?;
        if !critical.is_none_or(|it| matches!(it.content, [0 | 0xff])) {
            return None;
        }
        extension.take(OCTET_STRING)?;
        extension.end()?;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::LazyLock;

    use proptest::collection::vec;
    use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest};
    use proptest::sample::{Index, select};
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject as _;
    use x509_cert::der::asn1::ObjectIdentifier;
    use x509_cert::der::{Decode as _, Encode as _};
    use x509_cert::name::RelativeDistinguishedName;
    use x509_cert::spki::SubjectPublicKeyInfoRef;

    use super::*;

    /// All certificates of the test vectors, and Apple's root.
    static CERTIFICATES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let read = |file: &str| std::fs::read_to_string(file).unwrap();
        let root = read("src/provider/known/public_key/apple_root_ca_g3.pem");
        let vectors = ["b", "d"].map(|file| read(&format!("tests/vectors/providers-{file}.json")).replace("\\n", "\n"));
        let texts = [&[root], vectors.as_slice()].concat();
        let ders: BTreeSet<Vec<u8>> = texts
            .iter()
            .flat_map(|text| text.split("-----BEGIN CERTIFICATE-----").skip(1))
            .filter_map(|text| text.split_once("-----END CERTIFICATE-----"))
            .map(|(text, _)| format!("-----BEGIN CERTIFICATE-----{text}-----END CERTIFICATE-----\n"))
            .map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec())
            .collect();
        ders.into_iter().collect()
    });

    /// The certificate as the crate `x509-cert` reads it.
    fn by_x509_cert(der: &[u8]) -> Option<Certificate> {
        let body = x509_cert::Certificate::from_der(der).ok()?.tbs_certificate().clone();
        let seconds = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap();
        let names = body.subject().iter_rdn().flat_map(RelativeDistinguishedName::iter);
        let common = names.filter(|name| name.oid == ObjectIdentifier::new_unwrap("2.5.4.3"));
        Some(Certificate {
            validity: seconds(body.validity().not_before)..=seconds(body.validity().not_after),
            common_names: common
                .filter_map(|name| std::str::from_utf8(name.value.value()).ok().map(ToOwned::to_owned))
                .collect(),
            spki: body.subject_public_key_info().to_der().unwrap(),
            extensions: body.extensions().into_iter().flatten().map(|it| it.extn_id.as_bytes().to_vec()).collect(),
        })
    }

    /// Changes, adds or removes up to two bytes. The new byte is often one with a meaning in DER.
    fn changed(ders: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
        const MATTERS: [u8; 20] =
            [0, 1, 2, 3, 4, 5, 6, 0x0c, 0x13, 0x17, 0x18, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x82, 0xa0, 0xa3, 0xff];
        let byte = prop_oneof![any::<u8>(), select(&MATTERS[..])];
        let changes = vec((any::<Index>(), byte, 0_u8..4), 0..3);
        (select(ders), changes).prop_map(|(mut der, changes)| {
            for (place, byte, kind) in changes {
                let place = place.index(der.len());
                match kind {
                    0 => der.insert(place, byte),
                    1 => drop(der.remove(place)),
                    2 => der[place] = der[place].wrapping_add(1),
                    _ => der[place] = byte,
                }
            }
            der
        })
    }

    fn keys() -> Vec<Vec<u8>> {
        CERTIFICATES.iter().map(|der| by_x509_cert(der).unwrap().spki).collect()
    }

    #[test]
    fn every_certificate_of_the_vectors_is_read_as_by_x509_cert() {
        assert!(CERTIFICATES.len() >= 6, "{}", CERTIFICATES.len());
        for der in &*CERTIFICATES {
            let ours = Certificate::from_der(der);
            assert!(ours.is_some());
            assert_eq!(ours, by_x509_cert(der));
        }
    }

    #[test]
    fn no_prefix_of_a_certificate_is_a_certificate_nor_is_one_with_a_byte_after_it() {
        for der in &*CERTIFICATES {
            assert!((0..der.len()).all(|end| Certificate::from_der(&der[..end]).is_none()));
            assert_eq!(Certificate::from_der(&[der.as_slice(), &[0]].concat()), None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn a_changed_certificate_is_read_as_by_x509_cert_or_refused_by_both(der in changed(CERTIFICATES.clone())) {
            prop_assert_eq!(Certificate::from_der(&der), by_x509_cert(&der));
        }

        #[test]
        fn a_changed_key_is_read_as_by_x509_cert_or_refused_by_both(der in changed(keys())) {
            let theirs = SubjectPublicKeyInfoRef::from_der(&der).ok();
            let theirs = theirs.as_ref().map(|key| (key.algorithm.oid.as_bytes(), key.subject_public_key.as_bytes()));
            let ours = PublicKey::from_spki(&der);
            prop_assert_eq!(ours.map(|key| (key.algorithm, key.bytes())), theirs);
        }
    }
}

//! P-256 public keys, by ring.

use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use crate::work;

/// What stands before the point in the `SubjectPublicKeyInfo` of an uncompressed P-256 key (RFC 5480): there is one way to
/// write it.
const SPKI_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// An uncompressed point.
pub(crate) struct P256Key([u8; 65]);

impl P256Key {
    pub(crate) fn from_spki(der: &[u8]) -> Option<Self> {
        Self::from_point(der.strip_prefix(&SPKI_HEAD)?)
    }

    /// Reads PEM: `PUBLIC KEY` or `CERTIFICATE`.
    pub(crate) fn from_pem(pem: &[u8]) -> Option<Self> {
        if let Ok(der) = SubjectPublicKeyInfoDer::from_pem_slice(pem) {
            return Self::from_spki(&der);
        }
        let certificate = Certificate::from_der(&CertificateDer::from_pem_slice(pem).ok()?).ok()?;
        Self::from_spki(&certificate.tbs_certificate().subject_public_key_info().to_der().ok()?)
    }

    /// `04`, x and y. Whether it lies on the curve is found out at every use.
    pub(crate) fn from_point(point: &[u8]) -> Option<Self> {
        let point: [u8; 65] = point.try_into().ok()?;
        (point.first() == Some(&4)).then_some(Self(point))
    }

    pub(crate) fn to_spki(&self) -> Vec<u8> {
        [SPKI_HEAD.as_slice(), &self.0].concat()
    }

    /// A signature over the SHA-256 of the message: in ASN.1 DER, or, `fixed`, as `r` and `s` of 32 bytes each.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8], fixed: bool) -> bool {
        work::spent(message.len());
        let form = if fixed { &ECDSA_P256_SHA256_FIXED } else { &ECDSA_P256_SHA256_ASN1 };
        UnparsedPublicKey::new(form, &self.0).verify(message, signature).is_ok()
    }
}

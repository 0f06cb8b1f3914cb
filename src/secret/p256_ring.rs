//! P-256 public keys, implemented with ring.

use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};

use super::certificate::Certificate;
use crate::work;

/// The bytes before the point in the `SubjectPublicKeyInfo` of an uncompressed P-256 key (RFC 5480). DER has only this encoding.
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

    /// Parses PEM: `PUBLIC KEY` or `CERTIFICATE`.
    pub(crate) fn from_pem(pem: &[u8]) -> Option<Self> {
        if let Ok(der) = SubjectPublicKeyInfoDer::from_pem_slice(pem) {
            return Self::from_spki(&der);
        }
        Self::from_spki(&Certificate::from_der(&CertificateDer::from_pem_slice(pem).ok()?)?.spki)
    }

    /// Creates a key from the point `04`, x, y. Every verification checks whether the point is on the curve.
    pub(crate) fn from_point(point: &[u8]) -> Option<Self> {
        let point: [u8; 65] = point.try_into().ok()?;
        (point.first() == Some(&4)).then_some(Self(point))
    }

    pub(crate) fn to_spki(&self) -> Vec<u8> {
        [SPKI_HEAD.as_slice(), &self.0].concat()
    }

    /// Verifies a signature over the SHA-256 of the message. The signature is ASN.1 DER, or `r` and `s` of 32 bytes each if `fixed`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8], fixed: bool) -> bool {
        work::spent(message.len());
        let form = if fixed { &ECDSA_P256_SHA256_FIXED } else { &ECDSA_P256_SHA256_ASN1 };
        UnparsedPublicKey::new(form, &self.0).verify(message, signature).is_ok()
    }
}

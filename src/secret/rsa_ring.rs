//! RSA public keys, implemented with ring, which refuses keys of less than 2048 bits.

use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};

use super::certificate::{Certificate, PublicKey};
use super::rsa_form::RsaForm;
use super::text::decode_lines;
use crate::work;

/// `rsaEncryption`, 1.2.840.113549.1.1.1, in DER without tag and length.
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];

/// The key as `RSAPublicKey` in DER.
pub(crate) struct RsaKey(Vec<u8>);

impl RsaKey {
    /// Parses `RSAPublicKey` in DER.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        der.starts_with(&[0x30]).then(|| Self(der.to_vec()))
    }

    /// Parses a `SubjectPublicKeyInfo` in DER.
    pub(crate) fn from_spki(der: &[u8]) -> Option<Self> {
        let key = PublicKey::from_spki(der).filter(|key| key.algorithm == RSA_ENCRYPTION)?;
        Self::from_der(key.bytes()?)
    }

    /// Parses PEM: `PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE`.
    pub(crate) fn from_pem(pem: &[u8]) -> Option<Self> {
        if let Ok(der) = SubjectPublicKeyInfoDer::from_pem_slice(pem) {
            return Self::from_spki(&der);
        }
        if let Ok(der) = CertificateDer::from_pem_slice(pem) {
            return Self::from_spki(&Certificate::from_der(&der)?.spki);
        }
        let text = std::str::from_utf8(pem).ok()?;
        let inside = text.split_once("-----BEGIN RSA PUBLIC KEY-----")?.1.split_once("-----END")?.0;
        decode_lines(inside).and_then(|der| Self::from_der(&der))
    }

    /// Creates a key from a modulus and an exponent, which a JSON Web Key contains.
    pub(crate) fn from_numbers(n: &[u8], e: &[u8]) -> Option<Self> {
        let body = [der(0x02, &positive(n))?, der(0x02, &positive(e))?].concat();
        der(0x30, &body).map(Self)
    }

    pub(crate) fn to_der(&self) -> Vec<u8> {
        self.0.clone()
    }

    pub(crate) fn verifies(&self, form: RsaForm, message: &[u8], signature: &[u8]) -> bool {
        work::spent(message.len());
        let parameters: &RsaParameters = match form {
            RsaForm::Pkcs1Sha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            RsaForm::Pkcs1Sha256 => &RSA_PKCS1_2048_8192_SHA256,
            RsaForm::Pkcs1Sha384 => &RSA_PKCS1_2048_8192_SHA384,
            RsaForm::Pkcs1Sha512 => &RSA_PKCS1_2048_8192_SHA512,
            RsaForm::PssSha256 => &RSA_PSS_2048_8192_SHA256,
        };
        UnparsedPublicKey::new(parameters, &self.0).verify(message, signature).is_ok()
    }
}

/// Returns the bytes of a positive integer in DER: without leading zeros, except for one zero if the number would otherwise be negative.
fn positive(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    let digits = number.get(start..).unwrap_or_default();
    let negative = digits.first().is_none_or(|byte| byte & 0x80 != 0);
    [if negative { &[0][..] } else { &[] }, digits].concat()
}

/// Returns a DER value with its tag and length, or `None` if it is longer than 65,535 bytes.
fn der(tag: u8, value: &[u8]) -> Option<Vec<u8>> {
    let [high, low] = u16::try_from(value.len()).ok()?.to_be_bytes();
    let length = match (high, low) {
        (0, 0..=127) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    Some([&[tag], length.as_slice(), value].concat())
}

//! Certificates: reads them, checks their validity, names and chain, and gives the key that verifies signatures.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use crate::clock::Timestamp;
use crate::secret::{Certificate, Key, RsaKey};
use crate::signature::VerifyError;
use crate::work;

/// The limit of certificates that are read from a chain.
const MAX_CHAIN: usize = 8;

/// A leaf certificate with the chain that was sent after it.
pub(crate) struct Chain {
    ders: Vec<CertificateDer<'static>>,
    leaf: Certificate,
}

impl Chain {
    /// Reads PEM. The leaf comes first.
    pub(crate) fn read(pem: &[u8]) -> Result<Self, VerifyError> {
        work::spent(pem.len());
        let ders = CertificateDer::pem_slice_iter(pem).take(MAX_CHAIN).collect::<Result<Vec<_>, _>>();
        let ders = ders.map_err(|_| VerifyError::UntrustedKey)?;
        let leaf = ders.first().and_then(|der| Certificate::from_der(der)).ok_or(VerifyError::UntrustedKey)?;
        Ok(Self { ders, leaf })
    }

    /// Takes certificates in DER. The leaf comes first.
    pub(crate) fn of(ders: Vec<Vec<u8>>) -> Result<Self, VerifyError> {
        let ders: Vec<_> = ders.into_iter().take(MAX_CHAIN).map(CertificateDer::from).collect();
        let leaf = ders.first().and_then(|der| Certificate::from_der(der)).ok_or(VerifyError::UntrustedKey)?;
        Ok(Self { ders, leaf })
    }

    /// Checks that each certificate, from the leaf on, has the extension with the object identifier (in DER, without tag and length)
    /// at the same position.
    pub(crate) fn check_marks(&self, marks: &[&[u8]]) -> Result<(), VerifyError> {
        let is_marked = |(der, mark): (&CertificateDer<'_>, &&[u8])| {
            Certificate::from_der(der).is_some_and(|it| it.extensions.iter().any(|extension| extension == mark))
        };
        let all = self.ders.len() >= marks.len() && self.ders.iter().zip(marks).all(is_marked);
        if all { Ok(()) } else { Err(VerifyError::UntrustedKey) }
    }

    /// Checks that the leaf is valid now and that one of its subject's common names is `wanted`.
    pub(crate) fn check_leaf(&self, now: Timestamp, wanted: impl Fn(&str) -> bool) -> Result<(), VerifyError> {
        let valid = self.leaf.validity.contains(&now.as_secs());
        if valid && self.leaf.common_names.iter().any(|name| wanted(name)) {
            Ok(())
        } else {
            Err(VerifyError::UntrustedKey)
        }
    }

    /// Checks that the chain leads to the root in this PEM or, without a PEM, to one of the roots of the web.
    pub(crate) fn check_chain(&self, root_pem: Option<&str>, now: Timestamp) -> Result<(), VerifyError> {
        let untrusted = VerifyError::UntrustedKey;
        let root = root_pem.map(|pem| CertificateDer::from_pem_slice(pem.as_bytes())).transpose();
        let root = root.map_err(|_| VerifyError::MissingSetting("trust_root_pem"))?;
        let own = root.as_ref().map(webpki::anchor_from_trusted_cert).transpose();
        let own: Option<TrustAnchor<'_>> = own.map_err(|_| VerifyError::MissingSetting("trust_root_pem"))?;
        let anchors = own.as_ref().map_or(webpki_roots::TLS_SERVER_ROOTS, std::slice::from_ref);
        let (leaf, rest) = self.ders.split_first().ok_or(untrusted)?;
        let leaf = EndEntityCert::try_from(leaf).map_err(|_| untrusted)?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.as_secs()).unwrap_or(0)));
        leaf.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, anchors, rest, now, KeyUsage::server_auth(), None, None)
            .map(drop)
            .map_err(|_| untrusted)
    }

    /// The leaf's key, which must be an RSA key.
    pub(crate) fn key(&self) -> Result<RsaKey, VerifyError> {
        RsaKey::from_spki(&self.leaf.spki).ok_or(VerifyError::UntrustedKey)
    }

    /// The leaf's key, which must be a P-256 key.
    pub(crate) fn p256_key(&self) -> Result<Key, VerifyError> {
        Key::p256_spki(&BASE64.encode(&self.leaf.spki)).map_err(|_| VerifyError::UntrustedKey)
    }
}

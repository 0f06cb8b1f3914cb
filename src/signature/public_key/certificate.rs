//! Certificates: read, judged by time, name and chain, and used to verify.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _};

use crate::clock::Timestamp;
use crate::secret::{Key, RsaKey};
use crate::signature::VerifyError;
use crate::work;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Most certificates of a chain that are looked at.
const MAX_CHAIN: usize = 8;

/// A certificate with what was sent behind it.
pub(crate) struct Chain {
    ders: Vec<CertificateDer<'static>>,
    leaf: Certificate,
}

impl Chain {
    /// Reads PEM, the leaf first.
    pub(crate) fn read(pem: &[u8]) -> Result<Self, VerifyError> {
        work::spent(pem.len());
        let ders = CertificateDer::pem_slice_iter(pem).take(MAX_CHAIN).collect::<Result<Vec<_>, _>>();
        let ders = ders.map_err(|_| VerifyError::UntrustedKey)?;
        let leaf = ders.first().and_then(|der| Certificate::from_der(der).ok()).ok_or(VerifyError::UntrustedKey)?;
        Ok(Self { ders, leaf })
    }

    /// Takes certificates in DER, the leaf first.
    pub(crate) fn of(ders: Vec<Vec<u8>>) -> Result<Self, VerifyError> {
        let ders: Vec<_> = ders.into_iter().take(MAX_CHAIN).map(CertificateDer::from).collect();
        let leaf = ders.first().and_then(|der| Certificate::from_der(der).ok()).ok_or(VerifyError::UntrustedKey)?;
        Ok(Self { ders, leaf })
    }

    /// Whether each certificate has the extension of this object identifier, the leaf first.
    pub(crate) fn check_marks(&self, marks: &[&str]) -> Result<(), VerifyError> {
        let is_marked = |(der, mark): (&CertificateDer<'_>, &&str)| {
            let mark = ObjectIdentifier::new(mark).ok();
            let extensions = Certificate::from_der(der).ok().and_then(|it| it.tbs_certificate().extensions().cloned());
            mark.is_some_and(|mark| extensions.is_some_and(|all| all.iter().any(|it| it.extn_id == mark)))
        };
        let all = self.ders.len() >= marks.len() && self.ders.iter().zip(marks).all(is_marked);
        if all { Ok(()) } else { Err(VerifyError::UntrustedKey) }
    }

    /// Whether the leaf is valid now and one of its subject's common names is `wanted`.
    pub(crate) fn check_leaf(&self, now: Timestamp, wanted: impl Fn(&str) -> bool) -> Result<(), VerifyError> {
        let validity = self.leaf.tbs_certificate().validity();
        let now = Duration::from_secs(u64::try_from(now.as_secs()).unwrap_or(0));
        let valid = validity.not_before.to_unix_duration() <= now && now <= validity.not_after.to_unix_duration();
        if valid && self.common_names().iter().any(|name| wanted(name)) {
            Ok(())
        } else {
            Err(VerifyError::UntrustedKey)
        }
    }

    fn common_names(&self) -> Vec<String> {
        let names =
            self.leaf.tbs_certificate().subject().iter_rdn().flat_map(x509_cert::name::RelativeDistinguishedName::iter);
        let common = names.filter(|name| name.oid == COMMON_NAME);
        common.filter_map(|name| std::str::from_utf8(name.value.value()).ok().map(ToOwned::to_owned)).collect()
    }

    /// Whether the chain leads to the root in this PEM; to the roots of the web without it.
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

    /// The leaf's key, which must be one of RSA.
    pub(crate) fn key(&self) -> Result<RsaKey, VerifyError> {
        RsaKey::from_spki(&self.spki()?).ok_or(VerifyError::UntrustedKey)
    }

    /// The leaf's key, which must be one of P-256.
    pub(crate) fn p256_key(&self) -> Result<Key, VerifyError> {
        let pem_body = BASE64.encode(self.spki()?);
        Key::p256_spki(&pem_body).map_err(|_| VerifyError::UntrustedKey)
    }

    fn spki(&self) -> Result<Vec<u8>, VerifyError> {
        self.leaf.tbs_certificate().subject_public_key_info().to_der().map_err(|_| VerifyError::UntrustedKey)
    }
}

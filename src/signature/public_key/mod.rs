//! What schemes with fetched keys have in common: RSA, JSON Web Tokens, certificates.

pub(super) mod certificate;
pub(super) mod jwt;
pub(super) mod rsa;

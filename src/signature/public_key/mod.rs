//! What schemes with fetched keys have in common: certificates.

pub(super) mod certificate;

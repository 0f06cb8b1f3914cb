//! Nothing is recorded without the feature `metrics`.

/// Does nothing.
pub(crate) const fn tls_handshake(_resumed: bool) {}

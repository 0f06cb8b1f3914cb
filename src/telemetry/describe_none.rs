//! Nothing is described without the feature `metrics`.

/// Does nothing.
pub(crate) const fn describe() {}

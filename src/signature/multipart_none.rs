//! Without the feature `multipart`.

/// Nothing is read.
pub(super) const fn values(_: &[u8], _: &[&str]) -> Option<Vec<Vec<String>>> {
    None
}

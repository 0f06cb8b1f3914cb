//! Without axum.

/// Nothing has kept it.
pub(super) const fn original_uri(_: &http::Extensions) -> Option<&http::Uri> {
    None
}

//! No URI is kept without axum.

/// Always returns `None`.
pub(super) const fn original_uri(_: &http::Extensions) -> Option<&http::Uri> {
    None
}

//! The URI that axum keeps.

use ::axum::extract::OriginalUri;
use http::{Extensions, Uri};

/// Returns the URI from before `Router::nest` cut off the prefix. The first axum router that sees a request keeps it.
pub(super) fn original_uri(extensions: &Extensions) -> Option<&Uri> {
    extensions.get::<OriginalUri>().map(|original| &original.0)
}

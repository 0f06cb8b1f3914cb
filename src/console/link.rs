//! Relative links, so that the console works under any path.

use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use crate::percent;

/// Maximum number of path segments that are counted.
const MAX_DEPTH: usize = 16;

/// The relative path from a page to the root of the console. The host removes its own prefix from the path before.
pub(super) fn root_of(path: &str) -> String {
    match path.trim_start_matches('/').matches('/').count() {
        0 => "./".into(),
        // No page is deeper than this limit. A longer path leads to an error page.
        depth => "../".repeat(depth.min(MAX_DEPTH)),
    }
}

/// Encodes a value for a query.
pub(super) fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    percent::encode_to(&mut text, value, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    text
}

/// Sends the browser to another page, so that a reload does not repeat the change. The path is relative to the present page.
pub(super) fn see(path: &str) -> Response {
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("./"));
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::root_of;

    #[test]
    fn a_page_finds_the_root_by_its_depth() {
        assert_eq!(
            (root_of("/overview"), root_of("/endpoints/1"), root_of("/a/b/c")),
            ("./".into(), "../".into(), "../../".into())
        );
    }
}

//! The stylesheet and the script, in the binary.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};

use super::state::Console;

/// A file under a name that changes with its content, so that browsers may keep it forever.
#[derive(Debug)]
pub(super) struct Asset {
    name: LazyLock<String>,
    content: &'static str,
    media_type: HeaderValue,
}

pub(super) static STYLE: Asset = Asset {
    name: LazyLock::new(|| hashed("console", STYLE_TEXT, "css")),
    content: STYLE_TEXT,
    media_type: HeaderValue::from_static("text/css; charset=utf-8"),
};

pub(super) static SCRIPT: Asset = Asset {
    name: LazyLock::new(|| hashed("console", SCRIPT_TEXT, "js")),
    content: SCRIPT_TEXT,
    media_type: HeaderValue::from_static("text/javascript; charset=utf-8"),
};

const STYLE_TEXT: &str = include_str!("assets/console.css");
const SCRIPT_TEXT: &str = include_str!("assets/console.js");

fn hashed(stem: &str, content: &str, extension: &str) -> String {
    let hash = hex::encode(&Sha256::digest(content)[..8]);
    format!("{stem}-{hash}.{extension}")
}

impl Asset {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/assets/{name}", get(asset))
}

/// Assets need no authentication, because they are the same for all callers.
async fn asset(State(console): State<Console>, Path(name): Path<String>) -> Response {
    let accent = console.shared.brand.accent.as_deref().filter(|accent| accent.file == name);
    let asset = [&STYLE, &SCRIPT].into_iter().find(|asset| asset.name() == name);
    let (mut response, media_type) = match (accent, asset) {
        (Some(accent), _) => (accent.text.clone().into_response(), STYLE.media_type.clone()),
        (None, Some(asset)) => (asset.content.into_response(), asset.media_type.clone()),
        (None, None) => return StatusCode::NOT_FOUND.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    response
}

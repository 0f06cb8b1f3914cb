//! Writes pages, also those that report an error, and the headers of every response.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

use super::link::root_of;
use super::state::Console;
use super::view::{Tab, View};
use crate::sender::{DeliveryError, EndpointError};
use crate::store::StoreError;

/// The request failed; the caller gets a page with this text.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    status: StatusCode,
    text: String,
}

impl Failure {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is no such page, or it is not yours.")
    }

    /// A field of a form or a query is invalid; the text names it.
    pub(super) fn invalid(text: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, text)
    }

    /// The message for the caller.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The details are logged and not shown.
    pub(super) fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "the console could not answer a request");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The page could not be made. The log of the application has the reason.",
        )
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let retryable = error.is_retryable();
        let failure = Self::internal(&error);
        match retryable {
            true => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "The store does not answer at the moment. Reload the page.")
            }
            false => failure,
        }
    }
}

impl From<EndpointError> for Failure {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::NotFound => Self::not_found(),
            EndpointError::Store(error) => error.into(),
            EndpointError::ReadOnly => Self::new(StatusCode::FORBIDDEN, error.to_string()),
            EndpointError::Conflict | EndpointError::TooManyJobs { .. } => {
                Self::new(StatusCode::CONFLICT, error.to_string())
            }
            error => Self::invalid(error.to_string()),
        }
    }
}

impl From<DeliveryError> for Failure {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::NotFound | DeliveryError::JobNotFound => Self::not_found(),
            DeliveryError::Store(error) => error.into(),
            DeliveryError::ReadOnly => Self::new(StatusCode::FORBIDDEN, error.to_string()),
            error => Self::new(StatusCode::CONFLICT, error.to_string()),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes a page.
pub(super) fn page(template: &impl Template) -> Result<Response, Failure> {
    template.render().map(|html| Html(html).into_response()).map_err(|error| Failure::internal(&error))
}

#[derive(Template)]
#[template(path = "failure.html", config = "src/console/askama.toml")]
struct FailurePage {
    view: View,
    text: String,
}

/// Turns a failure into a page, and adds the headers that protect every response.
pub(super) async fn finish(State(console): State<Console>, request: Request, next: Next) -> Response {
    let root = root_of(request.uri().path());
    let mut response = next.run(request).await;
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        let view = View {
            root,
            title: failure.status.canonical_reason().unwrap_or("Error").into(),
            tab: Tab::None,
            brand: console.shared.brand.clone(),
            tenant: None,
            can_change: false,
            has_inbox: false,
            token: String::new(),
            notice: None,
            now: crate::clock::Timestamp::EPOCH,
        };
        let html = FailurePage { view, text: failure.text }.render().unwrap_or_default();
        // The `Allow` header of a refused method stays.
        let (parts, _) = response.into_parts();
        let mut page = (parts.status, Html(html)).into_response();
        page.headers_mut()
            .extend(parts.headers.into_iter().filter(|(name, _)| name.as_ref().is_some_and(|name| name == "allow")));
        response = page;
    }
    let headers = response.headers_mut();
    let frames = &console.shared.frames;
    headers.insert(CONTENT_SECURITY_POLICY, frames.policy.clone());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !frames.is_allowed {
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

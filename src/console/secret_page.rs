//! The page that shows the secret of an endpoint, once. A reload sends its form again, and gets a page without the secret.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::caller::Caller;
use super::failure::{Failure, page};
use super::view::{Tab, View};
use crate::endpoint::Endpoint;
use crate::id::EndpointId;

#[derive(Template)]
#[template(path = "secret.html", config = "src/console/askama.toml")]
struct SecretPage {
    view: View,
    id: EndpointId,
    target: String,
    /// `None` if the form was sent before.
    secret: Option<String>,
    text: &'static str,
}

pub(super) fn show_secret(caller: &Caller, endpoint: &Endpoint, text: &'static str) -> Result<Response, Failure> {
    let view = caller.view(Tab::Endpoints, "Secret of the endpoint");
    let secret = Some(caller.scoped.secret(endpoint)?.to_string());
    page(&SecretPage { view, id: endpoint.id, target: endpoint.target.as_str().into(), secret, text })
}

/// The answer to a form that was sent before. Nothing was changed.
pub(super) fn secret_was_shown(caller: &Caller, endpoint: &Endpoint, text: &'static str) -> Result<Response, Failure> {
    let view = caller.view(Tab::Endpoints, "The secret is not shown again");
    let shown = SecretPage { view, id: endpoint.id, target: endpoint.target.as_str().into(), secret: None, text };
    Ok((StatusCode::CONFLICT, page(&shown)?).into_response())
}

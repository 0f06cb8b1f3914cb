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
    secret: String,
    text: &'static str,
}

/// A form that was sent before.
pub(super) enum Repeated {
    /// The form for a new endpoint.
    Create,
    /// The form for a new key.
    Rotate,
}

#[derive(Template)]
#[template(path = "repeated.html", config = "src/console/askama.toml")]
struct RepeatedPage {
    view: View,
    form: Repeated,
    /// The endpoint and its target; `None` if it was removed.
    endpoint: Option<(EndpointId, String)>,
}

pub(super) fn show_secret(caller: &Caller, endpoint: &Endpoint, text: &'static str) -> Result<Response, Failure> {
    let view = caller.view(Tab::Endpoints, "Secret of the endpoint");
    let secret = caller.scoped.secret(endpoint)?.to_string();
    page(&SecretPage { view, id: endpoint.id, target: endpoint.target.as_str().into(), secret, text })
}

/// The answer to a form that was sent before. Nothing was changed.
pub(super) fn was_sent(caller: &Caller, form: Repeated, endpoint: Option<&Endpoint>) -> Result<Response, Failure> {
    let title = if endpoint.is_some() { "The secret is not shown again" } else { "The endpoint was removed" };
    let view = caller.view(Tab::Endpoints, title);
    let endpoint = endpoint.map(|endpoint| (endpoint.id, endpoint.target.as_str().to_owned()));
    Ok((StatusCode::CONFLICT, page(&RepeatedPage { view, form, endpoint })?).into_response())
}

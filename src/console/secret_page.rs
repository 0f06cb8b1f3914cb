//! The page that shows the secret of an endpoint, once.

use askama::Template;
use axum::response::Response;

use super::caller::Caller;
use super::failure::{Failure, page};
use super::view::{Tab, View};
use crate::endpoint::Endpoint;
use crate::id::EndpointId;

/// The secret, on the only page that shows it.
#[derive(Template)]
#[template(path = "secret.html", config = "src/console/askama.toml")]
struct SecretPage {
    view: View,
    id: EndpointId,
    target: String,
    secret: String,
    text: &'static str,
}

pub(super) fn show_secret(caller: &Caller, endpoint: &Endpoint, text: &'static str) -> Result<Response, Failure> {
    let view = caller.view(Tab::Endpoints, "Secret of the endpoint");
    let secret = caller.scoped.secret(endpoint)?.to_string();
    page(&SecretPage { view, id: endpoint.id, target: endpoint.target.as_str().into(), secret, text })
}

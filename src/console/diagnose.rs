//! The page that finds out why the receiver of an endpoint refuses a request. The owner pastes the request, which is checked with
//! the endpoint's keys.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};

use super::caller::Caller;
use super::endpoints::EndpointRow;
use super::escape::for_form;
use super::failure::{Failure, page};
use super::form::{Changed, Id, Shown};
use super::state::Console;
use super::view::{Tab, View};
use crate::endpoint::Endpoint;
use crate::id::EndpointId;
use crate::provider::diagnose::{Cause, Diagnosis};

/// The most header lines of a pasted request.
const MAX_HEADERS: usize = 200;

pub(super) fn routes() -> Router<Console> {
    Router::new().route("/endpoints/{id}/diagnose", get(form).post(diagnose))
}

/// The result of the diagnosis.
struct Found {
    text: String,
    is_valid: bool,
}

impl Found {
    fn of(diagnosis: Option<&Diagnosis>) -> Self {
        match diagnosis {
            Some(diagnosis) if diagnosis.cause() == Cause::Valid => Self {
                text: "The signature fits this request. If the receiver refuses it, then the receiver has another secret (rotate it, \
                       and store the new one), its clock is wrong, the request is more than five minutes old, or its framework \
                       hands it another body than the one that arrived."
                    .into(),
                is_valid: true,
            },
            Some(diagnosis) if diagnosis.is_proved() => Self { text: diagnosis.to_string(), is_valid: false },
            Some(diagnosis) => Self {
                text: format!(
                    "{diagnosis}. The secret is not shown again: if the receiver has lost it, rotate it on the page of the endpoint, and \
                     store the new one at the receiver. Or the id, the time or the body were changed on the way."
                ),
                is_valid: false,
            },
            None => Self { text: "Only requests that Standard Webhooks signs can be examined here.".into(), is_valid: false },
        }
    }
}

#[derive(Template)]
#[template(path = "diagnose.html", config = "src/console/askama.toml")]
struct DiagnosePage {
    view: View,
    row: EndpointRow,
    /// The pasted request, escaped for the form.
    request: String,
    error: Option<String>,
    found: Option<Found>,
}

impl DiagnosePage {
    fn of(caller: &Caller, endpoint: &Endpoint, request: &str) -> Self {
        let view = caller.view(Tab::Endpoints, "Why is the signature refused?");
        Self { row: EndpointRow::of(endpoint, view.now), view, request: for_form(request), error: None, found: None }
    }
}

async fn form(Id(id): Id<EndpointId>, Shown(caller, _): Shown) -> Result<Response, Failure> {
    page(&DiagnosePage::of(&caller, &*caller.scoped.endpoint(id).await?, ""))
}

async fn diagnose(Id(id): Id<EndpointId>, Changed(caller, fields): Changed) -> Result<Response, Failure> {
    let text = fields.lines("request");
    let endpoint = caller.scoped.endpoint(id).await?;
    let mut shown = DiagnosePage::of(&caller, &endpoint, &text);
    match read(&text) {
        Ok(request) => {
            shown.found = Some(Found::of(caller.scoped.diagnose(&endpoint, &request).await?.as_ref()));
        }
        Err(error) => shown.error = Some(error),
    }
    page(&shown)
}

/// Reads a request line, which may be absent, header lines, an empty line and the body.
fn read(text: &str) -> Result<Request<Bytes>, String> {
    let (head, body) = text.split_once("\n\n").ok_or("request: has no empty line between the headers and the body")?;
    let mut request =
        Request::post("/").body(Bytes::copy_from_slice(body.as_bytes())).map_err(|error| error.to_string())?;
    for (place, line) in head.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        // `curl -v` writes this mark before each line of a request.
        let line = line.strip_prefix("> ").unwrap_or(line);
        if place == 0 && line.starts_with("POST ") {
            continue;
        }
        if request.headers().len() >= MAX_HEADERS {
            return Err(format!("request: has more than {MAX_HEADERS} headers"));
        }
        let wrong = || format!("request, line {}: is not a header, such as `webhook-id: msg_1`", place + 1);
        let (name, value) = line.split_once(':').ok_or_else(wrong)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong())?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| wrong())?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_request_is_read_with_and_without_its_first_line() {
        for first in ["", "POST /hooks HTTP/1.1\n"] {
            let request = read(&format!("{first}Webhook-Id: msg_1\nA:b:c\n\n{{\"a\":\n\n1}}\n")).unwrap();
            assert_eq!(
                (&request.headers()["webhook-id"], &request.headers()["a"]),
                (&"msg_1".parse().unwrap(), &"b:c".parse().unwrap())
            );
            assert_eq!(request.body().as_ref(), b"{\"a\":\n\n1}\n");
        }
    }

    #[test]
    fn an_error_names_the_line() {
        assert!(read("a: b").unwrap_err().contains("empty line"));
        assert!(read("a: b\nnonsense\n\n{}").unwrap_err().starts_with("request, line 2: "));
        assert!(read("a: b\nbad name: c\n\n{}").unwrap_err().starts_with("request, line 2: "));
        assert!(read(&format!("{}\n\n{{}}", "a: b\n".repeat(201).trim())).unwrap_err().contains("more than 200"));
    }
}

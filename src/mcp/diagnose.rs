//! The tool that finds out why the agent's own server rejects a request.

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Request};

use super::call::{Call, Counted};
use super::documents::{Diagnose, Diagnosed};
use super::endpoints::REGISTER;
use super::failure::Failure;
use super::read::endpoint_id;
use super::route::Spec;
use crate::provider::diagnose::Cause;

/// The longest body of a request, in bytes, and the maximum number of its headers.
const MAX_BODY: usize = 256 * 1024;
const MAX_HEADERS: usize = 200;

pub(super) const DIAGNOSE: Spec = Spec {
    name: "webhook_diagnose",
    title: "Diagnose a rejected signature",
    description: "Find out why your server rejects the signature of a request that it received from here: pass the headers and the body as \
        they arrived. The request is compared with the secrets of the callback, which are never shown, and it is not stored.",
    reads_only: true,
    reaches_out: false,
    counted: Some(Counted::Tests),
    ..REGISTER
};

pub(super) fn diagnose(call: Call, requested: Diagnose) -> BoxFuture<'static, Result<Diagnosed, Failure>> {
    async move {
        let request = request(&requested)?;
        let endpoint = call.scoped.endpoint(endpoint_id(&requested.callback_id)?).await?;
        let Some(diagnosis) = call.scoped.diagnose(&endpoint, &request).await? else {
            return Err(Failure::tool("unsupported", "only requests that Standard Webhooks signs can be examined"));
        };
        Ok(Diagnosed {
            ok: diagnosis.cause() == Cause::Valid,
            cause: diagnosis.cause().name().into(),
            proved: diagnosis.is_proved(),
            explanation: diagnosis.to_string(),
        })
    }
    .boxed()
}

fn request(requested: &Diagnose) -> Result<Request<Bytes>, Failure> {
    if requested.body.len() > MAX_BODY {
        return Err(Failure::invalid("body", format!("must be at most {MAX_BODY} bytes")));
    }
    if requested.headers.len() > MAX_HEADERS {
        return Err(Failure::invalid("headers", format!("must be at most {MAX_HEADERS}")));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &requested.headers {
        let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
        let (name, value) =
            header.ok_or_else(|| Failure::invalid("headers", "has a name or a value that HTTP does not allow"))?;
        headers.append(name, value);
    }
    let mut request = Request::new(Bytes::copy_from_slice(requested.body.as_bytes()));
    (*request.method_mut(), *request.headers_mut()) = (http::Method::POST, headers);
    Ok(request)
}

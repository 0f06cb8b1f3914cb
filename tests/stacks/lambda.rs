//! AWS Lambda, by `lambda_http`.

use futures_util::FutureExt as _;
use hookwire::receiver::Gate;
use http::HeaderMap;
use lambda_http::{Body, Error, Request, Response};
use serde_json::{Map, json};

use super::stack::{Answer, check, gate, handle};

// shown
/// The service: `lambda_http::run(service_fn(|request| hook(&gate, request))).await`
async fn hook(gate: &Gate, request: Request) -> Result<Response<Body>, Error> {
    Ok(gate.receive(request, handle).await.map(|body| body.to_vec().into()))
}
// end

/// The event of an HTTP API (payload format 2.0) or of a function URL.
fn event(headers: &HeaderMap, body: &[u8]) -> Request {
    let headers: Map<_, _> =
        headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap()))).collect();
    let event = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/hooks", "rawQueryString": "",
        "headers": headers, "isBase64Encoded": false, "body": str::from_utf8(body).unwrap(),
        "requestContext": {
            "accountId": "1", "apiId": "1", "domainName": "hooks.example", "domainPrefix": "hooks", "requestId": "1",
            "routeKey": "$default", "stage": "$default", "time": "29/Nov/2026:00:00:00 +0000", "timeEpoch": 0,
            "http": { "method": "POST", "path": "/hooks", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "provider" },
        },
    });
    lambda_http::request::from_str(&event.to_string()).unwrap()
}

#[test]
fn lambda_handles_an_event_once() {
    let (gate, runtime) = (gate(), tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap());
    check("lambda", |headers, body| {
        let answer = runtime.block_on(hook(&gate, event(headers, body)).map(Result::unwrap));
        Answer::new(answer.status().as_u16(), answer.headers().contains_key("webhook-duplicate"))
    });
}

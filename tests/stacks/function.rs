//! A plain function, without a framework and without a runtime.

use futures_util::FutureExt as _;
use hookwire::receiver::Gate;
use http::{HeaderMap, Response};

use super::stack::{Answer, check, gate, handle};

// shown
/// For a server without a framework. The caller sends the status, the headers and the body of the response.
async fn hook(gate: &Gate, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response<Vec<u8>> {
    let answer = gate.receive_bytes(("POST", path, headers.iter().copied()), body, handle).await;
    answer.map(|body| body.to_vec())
}
// end

#[test]
fn a_plain_function_handles_an_event_once() {
    let gate = gate();
    check("function", |headers: &HeaderMap, body| {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        // No store and no handler waits here, so one poll is all it takes.
        let answer = hook(&gate, "/hooks?x=1", &headers, body.to_vec()).now_or_never().unwrap();
        Answer::new(answer.status().as_u16(), answer.headers().contains_key("webhook-duplicate"))
    });
}

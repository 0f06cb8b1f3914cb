//! warp.

use ::warp::filters::path::FullPath;
use ::warp::{Filter, Reply};
use bytes::Bytes;
use hookwire::receiver::Gate;
use http::{HeaderMap, Method};

use super::stack::{check_server, gate, handle, listener, serve};

// shown
fn app(gate: Gate) -> impl Filter<Extract = impl Reply, Error = ::warp::Rejection> + Clone {
    let limit = ::warp::body::content_length_limit(gate.max_body() as u64);
    let query = ::warp::query::raw().or(::warp::any().map(String::new)).unify();
    let head = ::warp::method().and(::warp::path::full()).and(query).and(::warp::header::headers_cloned());
    let request = ::warp::path("hooks").and(head).and(limit).and(::warp::body::bytes());
    request.then(move |method: Method, path: FullPath, query: String, headers: HeaderMap, body: Bytes| {
        let gate = gate.clone();
        let uri = if query.is_empty() { path.as_str().to_owned() } else { format!("{}?{query}", path.as_str()) };
        async move { gate.receive_bytes((method, uri, &headers), body, handle).await }
    })
}
// end

#[test]
fn warp_handles_an_event_once() {
    let (listener, address) = listener();
    serve(move || async {
        ::warp::serve(app(gate())).incoming(tokio::net::TcpListener::from_std(listener).unwrap()).run().await;
    });
    check_server("warp", address);
}

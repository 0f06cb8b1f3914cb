//! axum.

use ::axum::Router;
use ::axum::routing::post;
use hookwire::receiver::Gate;

use super::stack::{check_server, gate, handle, listener, serve};

// shown
fn app(gate: Gate) -> Router {
    Router::new().route("/hooks", post(handle)).layer(gate)
}
// end

#[test]
fn axum_handles_an_event_once() {
    let (listener, address) = listener();
    serve(move || async {
        ::axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), app(gate())).await.unwrap();
    });
    check_server("axum", address);
}
